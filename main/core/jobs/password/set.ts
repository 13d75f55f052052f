/** Setting the password of an archive, the first or another: authorised by K, whoever brought it. */
import { CofferError, type Warning } from '../../../../contract/errors.ts'
import type { Info } from '../../../../contract/vault.ts'
import type { VaultReference } from '../../archive/format/header.ts'
import { openHeader } from '../../archive/read/open-header.ts'
import type { Secret } from '../../keys/secret.ts'
import { type Link, openLink } from '../../vault/link.ts'
import { parseOrigin, type VaultAddress } from '../../vault/address.ts'
import type { Network } from '../../vault/request.ts'
import { openOwner, type Owner, signNewest } from '../../vault/owner.ts'
import { deleteRecord, readRecord } from '../../vault/record.ts'
import { putRecord } from '../../vault/register.ts'
import type { PasswordOptions } from '../../vault/stretching.ts'
import { changeHeader } from '../change-header.ts'
import { readMemory } from '../memory.ts'
import { newestSnapshot } from '../newest-snapshot.ts'
import type { Session } from '../session.ts'
import { chooseVault } from './choose-vault.ts'
import { knownVault } from './memory.ts'
import { judge, keep } from './told.ts'

export interface SetPassword {
  key: Secret
  /** UTF-8 as it was typed. */
  password: Uint8Array
  /** The vault that the person has named in this act. */
  named: VaultAddress | undefined
  invite?: string | undefined
  /** What others know of the person, for judging the password. */
  known: readonly string[]
  network: Network
  /** Told who the vault is, before the password is used there. */
  onVault: (vault: ShownVault) => void
  options?: PasswordOptions | undefined
  signal: AbortSignal
}

/** A vault as people are shown it. */
export interface ShownVault {
  /** `https://host[:port]` */
  address: string
  fingerprint: Buffer
  keystore: Info['keystore']
  model: string
  /** Nobody has said before who this vault has to be: the person is asked to compare the fingerprint. */
  firstUse: boolean
}

/**
 * Sets the password. Everything sealed stays as it is; only the vault's record and the header change, in this order,
 * so that no header ever claims a password that does not work. Errors: vault_not_confirmed, password_weak,
 * password_unusable, invite_needed, record_changed, vault_*, object_exists, destination_*.
 * Warnings: vault_rolled_back, passwords_tried, record_left.
 */
export async function setPassword(
  session: Session,
  it: SetPassword,
): Promise<{ vault: ShownVault; warnings: Warning[] }> {
  const { manifest: newest } = await newestSnapshot(session, readMemory(session.home, session.archive))
  const { address, fingerprint } = chooseVault(session, newest, it.named)
  const { network, signal } = it
  const link = await openLink({ network, now: session.now, address, fingerprint, near: true, signal })
  const shown = showVault(link, { firstUse: fingerprint === undefined })
  it.onVault(shown)
  const owner = openOwner(it.key)
  try {
    const reference: VaultReference = {
      address: address.origin,
      fingerprint: link.identity.fingerprint,
      record: owner.record,
    }
    const vault = knownVault(reference)
    const whose = { home: session.home, archive: session.archive, vault }
    const before = await readRecord(link, owner)
    const warnings = judge(whose, before)
    const { generation } = before.statement
    const witness = newest ? signNewest(owner, newest) : null
    const statement = await putRecord(link, { ...it, owner, generation, newest: witness }, it.options)

    const old = session.header.vault
    if (!old || !isSame(old, reference))
      await nameVault(session, { reference, link, owner, generation: statement.generation }, newest?.header.number ?? 0)
    warnings.push(...keep({ ...whose, headerNumber: session.header.number }, { statement, receipts: before.receipts }))
    if (old && !old.fingerprint.equals(reference.fingerprint))
      warnings.push(...(await endOldRecord(session, { old, owner, network, signal })))
    return { vault: shown, warnings }
  } finally {
    owner.close()
  }
}

/** A vault as people are shown it. */
export function showVault({ address, identity, info }: Link, { firstUse }: { firstUse: boolean }): ShownVault {
  const { keystore, model } = info
  return { address: address.origin, fingerprint: identity.fingerprint, keystore, model, firstUse }
}

interface Stored {
  reference: VaultReference
  link: Link
  owner: Owner
  generation: number
}

/** The header names the record that is there now; if it cannot, the record goes again. */
async function nameVault(
  session: Session,
  { reference, link, owner, generation }: Stored,
  known: number,
): Promise<void> {
  const before = session.header.vault
  try {
    await changeHeader(session, reference, [known])
  } catch (error) {
    // A record that no header names is of no use to anyone. But an earlier header may name this vault too, and this
    // one may have got to the disk before something failed.
    const named = before?.fingerprint.equals(reference.fingerprint) || (await isNamed(session, reference))
    if (!named) await deleteRecord(link, owner, generation).catch(() => undefined)
    throw error
  }
}

/** Whether the header names it now, as far as that can be told: in doubt the record stays. */
async function isNamed({ destination, keys }: Session, reference: VaultReference): Promise<boolean> {
  try {
    const { header } = await openHeader(destination, keys)
    return header.vault !== null && isSame(header.vault, reference)
  } catch {
    return true
  }
}

/** Moved to another vault: the old record would let the old password in for ever. */
async function endOldRecord(
  session: Session,
  { old, owner, network, signal }: { old: VaultReference; owner: Owner; network: Network; signal: AbortSignal },
): Promise<Warning[]> {
  try {
    const address = parseOrigin(old.address)
    const link = await openLink({
      network,
      now: session.now,
      address,
      fingerprint: old.fingerprint,
      near: true,
      signal,
    })
    const { statement } = await readRecord(link, owner)
    await deleteRecord(link, owner, statement.generation)
    return []
  } catch (error) {
    if (!(error instanceof CofferError)) throw error
    return [
      { code: 'record_left', detail: { vault: old.address, reason: String(error.detail['reason'] ?? error.code) } },
    ]
  }
}

function isSame(a: VaultReference, b: VaultReference): boolean {
  return a.address === b.address && a.fingerprint.equals(b.fingerprint) && a.record.equals(b.record)
}
