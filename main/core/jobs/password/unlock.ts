/** From a password to K: what is known before K is, is only what an archive's public header claims. */
import { CofferError, type Warning } from '../../../../contract/errors.ts'
import { type Newest, RecordId } from '../../../../contract/vault.ts'
import type { Header, VaultReference } from '../../archive/format/header.ts'
import type { Secret } from '../../keys/secret.ts'
import { parseOrigin, type VaultAddress } from '../../vault/address.ts'
import { type Link, openLink } from '../../vault/link.ts'
import { logIn } from '../../vault/log-in.ts'
import type { Owner } from '../../vault/owner.ts'
import { readRecord, type RecordState } from '../../vault/record.ts'
import type { Network } from '../../vault/request.ts'
import { reach } from '../../vault/reach.ts'
import type { PasswordOptions } from '../../vault/stretching.ts'
import { type KnownVault, knownVault, memoryOf, readVaultMemory, type Told } from './memory.ts'
import { rememberOwnTry, takeIn } from './told.ts'

export interface UnlockRequest {
  /** As it was read, unproven. */
  header: Header & { vault: VaultReference }
  /** UTF-8 as it was typed. */
  password: Uint8Array
  /** The vault that the person has named in this act, which may lie anywhere. */
  named: VaultAddress | undefined
  home: string
  network: Network
  now: () => Date
  options?: PasswordOptions | undefined
  signal: AbortSignal
}

export interface Unlocked {
  /** Whoever asked disposes of it, and still has to see that it opens the archive. */
  key: Secret
  /** The newest backup the vault knows of, said by the archive's owner. */
  newest: Newest | null
  /** vault_evidence, vault_rolled_back, passwords_tried. */
  warnings: Warning[]
}

/**
 * Where a password for this archive would be checked, before anything is asked or typed. Errors: vault_address,
 * vault_not_confirmed for another vault than this computer knows for this archive, and for a host in this computer's own
 * network that it does not know, unless the person has named it; vault_not_genuine if the person named another one.
 */
export function vaultOf({ header, named, home }: Pick<UnlockRequest, 'header' | 'named' | 'home'>): VaultAddress {
  if (named) {
    if (named.fingerprint && !named.fingerprint.equals(header.vault.fingerprint))
      throw new CofferError('vault_not_genuine', { vault: named.host })
    return named
  }
  const address = parseOrigin(header.vault.address)
  const { vault } = readVaultMemory(home, header.archive)
  if (vault && vault.fingerprint !== header.vault.fingerprint.toString('hex'))
    throw new CofferError('vault_not_confirmed', {
      vault: address.origin,
      known: vault.address,
      reason: 'This computer knows another vault for this archive.',
    })
  if (isNear(address) && !isRemembered({ header, home }))
    throw new CofferError('vault_not_confirmed', {
      vault: address.origin,
      reason: 'It lies in this computer’s own network.',
    })
  return address
}

/**
 * Logs in with the password. Errors: wrong_password and destroyed with `attemptsLeft`, no_record, password_unusable,
 * password_failed, vault_*; see logIn.
 */
export async function unlock(it: UnlockRequest): Promise<Unlocked> {
  const { header, home, network, now, named, signal } = it
  const address = vaultOf(it)
  const vault = knownVault(header.vault)
  const near = named !== undefined || isRemembered(it)
  const link = await openLink({ network, now, address, fingerprint: header.vault.fingerprint, near, signal })
  const loggedIn = await logIn(
    link,
    {
      rid: RecordId.parse(header.vault.record.toString('base64url')),
      password: it.password,
      onTry: (message) => rememberOwnTry(home, header.archive, message),
    },
    it.options,
  )
  const { key, owner, warnings } = loggedIn
  const told = loggedIn.told && (await withoutGap(loggedIn.told, { ...it, link, owner, vault }, warnings))
  owner.close()
  if (!told) return { key, newest: null, warnings }
  const whose = { home, archive: header.archive, vault, headerNumber: header.number }
  return { key, newest: told.statement.newest, warnings: [...warnings, ...takeIn(whose, told)] }
}

/**
 * A login brings the receipts since the success before it. Where more has happened since this computer last heard of the
 * record, the owner, who is known by now, asks for the rest.
 */
async function withoutGap(
  told: RecordState,
  { home, header, link, owner, vault }: Pick<UnlockRequest, 'home' | 'header'> & Asker,
  warnings: Warning[],
): Promise<Told> {
  const last = memoryOf(readVaultMemory(home, header.archive), vault).receipts.at(-1)?.number
  if (last === undefined || (told.receipts[0]?.number ?? 0) <= last + 1) return told
  try {
    const { receipts } = await readRecord(link, owner)
    return { ...told, receipts }
  } catch (error) {
    // The key is here; what cannot be had now is told by the next backup.
    if (!(error instanceof CofferError)) throw error
    warnings.push({ code: error.code, detail: error.detail })
    return { statement: told.statement }
  }
}

interface Asker {
  link: Link
  owner: Owner
  vault: KnownVault
}

function isNear(address: VaultAddress): boolean {
  return reach(new URL(address.origin).hostname) === 'private'
}

/** This computer has had to do with this vault for this archive before. */
function isRemembered({ header, home }: Pick<UnlockRequest, 'header' | 'home'>): boolean {
  const { vault } = readVaultMemory(home, header.archive)
  return vault?.address === header.vault.address && vault.fingerprint === header.vault.fingerprint.toString('hex')
}
