/** Giving the key of an archive that is about to be made to a vault: the record first, so that no header promises one. */
import type { Statement } from '../../../../contract/vault.ts'
import type { VaultReference } from '../../archive/format/header.ts'
import type { ArchiveId } from '../../archive/format/names.ts'
import type { Secret } from '../../keys/secret.ts'
import type { VaultAddress } from '../../vault/address.ts'
import { openLink } from '../../vault/link.ts'
import type { Network } from '../../vault/request.ts'
import { openOwner } from '../../vault/owner.ts'
import { deleteRecord } from '../../vault/record.ts'
import { putRecord } from '../../vault/register.ts'
import type { PasswordOptions } from '../../vault/stretching.ts'
import { knownVault } from './memory.ts'
import { showVault, type ShownVault } from './set.ts'
import { keep } from './told.ts'

export interface EscrowRequest {
  key: Secret
  /** UTF-8 as it was typed. */
  password: Uint8Array
  vault: VaultAddress
  invite?: string | undefined
  /** What others know of the person, for judging the password. */
  known: readonly string[]
  network: Network
  now: () => Date
  /** Told who the vault is, before the password is used there. */
  onVault: (vault: ShownVault) => void
  options?: PasswordOptions | undefined
  signal: AbortSignal
}

export interface Escrowed {
  /** For the header. */
  reference: VaultReference
  vault: ShownVault
  statement: Statement
  /** Deletes the record again, as far as that can be done: nobody will ever look for it. */
  takeBack(): Promise<void>
}

/** Errors: password_weak, password_unusable, invite_needed, vault_*. */
export async function escrow(it: EscrowRequest): Promise<Escrowed> {
  const { network, now, signal, vault: address } = it
  const { fingerprint } = address
  const link = await openLink({ network, now, address, fingerprint, near: true, signal })
  const vault = showVault(link, { firstUse: fingerprint === undefined })
  it.onVault(vault)
  const owner = openOwner(it.key)
  try {
    const statement = await putRecord(link, { ...it, owner, generation: 0, newest: null }, it.options)
    const reference = { address: address.origin, fingerprint: link.identity.fingerprint, record: owner.record }
    return { reference, vault, statement, takeBack: () => takeBack(it, link, statement.generation) }
  } finally {
    owner.close()
  }
}

/** This computer knows the vault from now on. Not being able to remember it is no reason to fail. */
export function rememberEscrow(home: string, archive: ArchiveId, { reference, statement }: Escrowed): void {
  keep({ home, archive, vault: knownVault(reference), headerNumber: 1 }, { statement })
}

async function takeBack(
  { key }: EscrowRequest,
  link: Awaited<ReturnType<typeof openLink>>,
  generation: number,
): Promise<void> {
  const owner = openOwner(key)
  try {
    // Whoever cancelled wants it gone all the same.
    await deleteRecord({ ...link, signal: undefined }, owner, generation)
  } catch {
    // K is thrown away: what stays at the vault opens nothing.
  } finally {
    owner.close()
  }
}
