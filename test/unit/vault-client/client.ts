/** A client as the tests use it: the real network and the real password process, with little to wait for. */
import type { RecordId } from '../../../contract/vault.ts'
import { parseVaultAddress } from '../../../main/core/vault/address.ts'
import { type Link, openLink } from '../../../main/core/vault/link.ts'
import { type LoggedIn, logIn } from '../../../main/core/vault/log-in.ts'
import type { Network } from '../../../main/core/vault/request.ts'
import { sendRequest } from '../../../main/core/vault/send-request.ts'
import { openOwner } from '../../../main/core/vault/owner.ts'
import { type NewRecord, putRecord } from '../../../main/core/vault/register.ts'
import type { PasswordOptions } from '../../../main/core/vault/stretching.ts'
import { type Secret, withSecret } from '../../../main/core/keys/secret.ts'
import type { HostileVault } from './hostile-vault.ts'

/** No pauses between tries. An answer has two seconds, or as long as told. */
export function quickNetwork(deadlineMs = 2000): Network {
  return { send: sendRequest, wait: () => Promise.resolve(), deadlineMs }
}

/** Stretching that takes no time: shipped programs have no way to say so. */
export const cheap: PasswordOptions = {
  stretching: { memory: 64, passes: 1, parallelism: 1 },
  bounds: { memory: { least: 64, most: 1024 }, passes: { least: 1, most: 3 } },
}

export const goodPassword = Buffer.from('plum-orbit-candle-93')
export const otherPassword = Buffer.from('seven quiet herons 41')

export function linkTo(
  vault: HostileVault,
  options: { deadlineMs?: number; fingerprint?: Buffer } = {},
): Promise<Link> {
  return openLink({
    network: quickNetwork(options.deadlineMs),
    now: () => new Date(),
    address: parseVaultAddress(vault.origin),
    fingerprint: options.fingerprint ?? vault.model.fingerprint,
    near: false,
  })
}

/** Registers K under a password; the record's id. */
export async function register(vault: HostileVault, key: Secret, changes: Partial<NewRecord> = {}): Promise<RecordId> {
  const owner = openOwner(key)
  try {
    const link = await linkTo(vault)
    const it = { password: goodPassword, key, owner, generation: 0, newest: null, known: [], ...changes }
    await putRecord(link, it, cheap)
    return owner.rid
  } finally {
    owner.close()
  }
}

export async function tryPassword(vault: HostileVault, rid: RecordId, password = goodPassword): Promise<LoggedIn> {
  return await logIn(await linkTo(vault), { rid, password }, cheap)
}

export function digitsOf(key: Secret): string {
  return withSecret(key, (bytes) => bytes.toString('hex'))
}
