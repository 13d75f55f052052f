/**
 * What a backup has to do with the vault: hear what happened to the record, tell it of the newest snapshot, and note
 * both in the manifest. None of that may make a backup fail or wait long.
 */
import { CofferError, type Warning } from '../../../../contract/errors.ts'
import type { Statement } from '../../../../contract/vault.ts'
import type { Manifest } from '../../archive/format/manifest.ts'
import { type Link, openLink } from '../../vault/link.ts'
import { parseOrigin } from '../../vault/address.ts'
import { isOwnNewest, type Owner, signNewest } from '../../vault/owner.ts'
import { readRecord, type RecordState, tellNewest } from '../../vault/record.ts'
import type { Session } from '../session.ts'
import { headHex, knownVault, sameRecord } from './memory.ts'
import { judge, keep, type Whose } from './told.ts'

export interface VaultAtBackup {
  /** For the manifest: what the vault last told. Waits until it is heard, or given up. */
  seen(before: Manifest | undefined): Promise<Manifest['vaultSeen']>
  /** After the commit: tells the vault of the snapshot. Warnings: vault_*, passwords_tried, older_than_known. */
  tell(manifest: Manifest): Promise<Warning[]>
  /** Stops asking. Call it in any case. */
  close(): void
}

/** In all, ms: a vault that is away delays a backup by no more than this, twice. */
const patienceMs = 20_000

interface Heard {
  link: Link
  owner: Owner
  told: RecordState
  /** What is wrong or new in it, by what this computer knew when it was told. */
  news: Warning[]
}

/** Begins to ask at once, beside whatever else the backup does. */
export function vaultAtBackup(session: Session, signal: AbortSignal): VaultAtBackup {
  const { owner, network } = session
  const { vault } = session.header
  if (!vault || !owner || !network)
    return { seen: async (before) => before?.vaultSeen ?? null, tell: async () => [], close: () => undefined }
  const known = knownVault(vault)
  const whose: Whose = {
    home: session.home,
    archive: session.archive,
    vault: known,
    headerNumber: session.header.number,
  }
  const warnings: Warning[] = []
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])

  const listen = async (): Promise<Heard> => {
    const { now } = session
    const address = parseOrigin(vault.address)
    // The header was proven with the key: this vault was chosen by the archive's owner, wherever it is.
    const link = await openLink({
      network,
      now,
      address,
      fingerprint: vault.fingerprint,
      near: true,
      signal: patient(either),
    })
    const told = await readRecord(link, owner)
    // Compared at once: until this backup is done another command may hear more, and this would look like going back.
    return { link, owner, told, news: judge(whose, told) }
  }
  const heard = listen().catch((error: unknown) => asWarning(error, warnings))
  // Should it be a mistake of ours, whoever waits for it hears of it; nobody waits if the backup itself fails first.
  heard.catch(() => undefined)

  return {
    async seen(before) {
      const said = await heard
      const last = before?.vaultSeen && isSameVault(before, known) ? before.vaultSeen : null
      if (!said) return last
      const { counter, logHead } = said.told.statement
      warnings.push(...said.news, ...keep(whose, said.told))
      if (last && counter < last.counter && !warnings.some(({ code }) => code === 'vault_rolled_back'))
        warnings.push({
          code: 'vault_rolled_back',
          detail: { vault: vault.address, what: 'counter', known: last.counter, found: counter },
        })
      return last && last.counter > counter ? last : { counter, logHead: headHex(logHead) }
    },
    async tell(manifest) {
      const said = await heard
      if (!said) return warnings
      try {
        const statement = await tell(said, manifest, either)
        warnings.push(...keep(whose, { statement }))
        warnings.push(...judgeNewest(statement, said.owner, manifest))
      } catch (error) {
        asWarning(error, warnings)
      }
      return warnings
    },
    close: () => stop.abort(new CofferError('cancelled')),
  }
}

function tell({ link, owner, told }: Heard, manifest: Manifest, signal: AbortSignal): Promise<Statement> {
  const newest = signNewest(owner, manifest)
  return tellNewest({ ...link, signal: patient(signal) }, owner, newest, told.statement.generation)
}

/** The vault's witness is of a newer backup, or of another one: this place is not where the last backup went. */
function judgeNewest({ newest }: Statement, owner: Owner, manifest: Manifest): Warning[] {
  if (!newest || newest.identity === Buffer.from(manifest.identity, 'hex').toString('base64url')) return []
  if (!isOwnNewest(owner, newest))
    return [
      {
        code: 'vault_evidence',
        detail: { reason: 'What it says of the newest backup was not said by this archive’s owner.' },
      },
    ]
  return [{ code: 'older_than_known', detail: { known: newest.number, found: manifest.seq } }]
}

function isSameVault({ header }: Manifest, known: Whose['vault']): boolean {
  return header.vault !== null && sameRecord(header.vault, known)
}

/** Anything expected becomes a warning; mistakes of ours do not. */
function asWarning(error: unknown, warnings: Warning[]): undefined {
  if (error instanceof CofferError) {
    if (error.code !== 'cancelled') warnings.push({ code: error.code, detail: error.detail })
  } else if (error instanceof DOMException && error.name === 'TimeoutError')
    warnings.push({ code: 'vault_unreachable', detail: { reason: 'It did not answer in time.' } })
  else throw error
}

function patient(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(patienceMs)])
}
