/** The password as a way to an archive's key, where its header names a vault. */
import { CofferError } from '../../contract/errors.ts'
import { headerName } from '../core/archive/format/names.ts'
import type { ReadHeader } from '../core/archive/format/header.ts'
import { unlock, type Unlocked, vaultOf } from '../core/jobs/password/unlock.ts'
import type { VaultAddress } from '../core/vault/address.ts'
import type { Desk } from './perform.ts'
import { printable } from './words.ts'

export interface PasswordSource {
  /** --password-stdin: reads it. Undefined where it was not given. */
  given: (() => Promise<Buffer>) | undefined
  /** Asks for it; an empty answer means that the person would rather type the key. Undefined where nobody can be asked. */
  ask: (() => Promise<Buffer>) | undefined
  /** Logs in at the vault, and wipes the password. */
  unlock: (password: Buffer) => Promise<Unlocked>
}

export interface PasswordSourceOptions {
  given: (() => Promise<Buffer>) | undefined
  named: VaultAddress | undefined
}

/**
 * Undefined where the archive has no password and none was given. The vault's host is told to the person before a
 * password is read, for nothing proves yet that it is the right one. Errors: no_password and header_altered where a
 * password was given and there is nothing to check it with; vault_address, vault_not_confirmed, vault_not_genuine.
 */
export function passwordSource(
  desk: Desk,
  header: ReadHeader | undefined,
  { given, named }: PasswordSourceOptions,
): PasswordSource | undefined {
  if (!header?.vault) {
    if (!given) return undefined
    throw header
      ? new CofferError('no_password')
      : new CofferError('header_altered', { object: headerName, reason: 'without it nobody knows where its vault is' })
  }
  const { world, home, signal, askPassword, note } = desk
  const claimed = { header: { ...header, vault: header.vault }, named, home }
  const host = (): string => printable(vaultOf(claimed).host)
  return {
    given:
      given &&
      (() => {
        note(`The password is checked by the vault at ${host()}.`)
        return given()
      }),
    ask:
      askPassword &&
      (() => askPassword(`Password, for the vault at ${host()} (Enter alone to type the 64-digit key instead):`)),
    async unlock(password) {
      const { network, now } = world
      try {
        return await unlock({ ...claimed, password, network, now, signal })
      } finally {
        password.fill(0)
      }
    },
  }
}
