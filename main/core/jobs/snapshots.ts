/** The backups an archive holds, and finding one of them. */
import { CofferError, type Warning } from '../../../contract/errors.ts'
import type { Manifest } from '../archive/format/manifest.ts'
import { type ListedManifest, listManifests } from '../archive/read/read-manifests.ts'
import { bySnapshot, type FoundSnapshot, openSnapshot, openSnapshots } from '../archive/read/survey-snapshots.ts'
import { isDamage } from '../archive/read/read-blob.ts'
import { judgeChain, judgeFreshness, rememberNewest } from './freshness.ts'
import type { Session } from './session.ts'
import { steadily } from './steadily.ts'

/** One backup, as lists show it. */
export interface SnapshotLine {
  id: string
  seq: number
  createdAt: Date
  kind: string
  chats: number
  messages: number
  newest: Date | null
  /** Bytes this backup uploaded. */
  added: number
}

/**
 * All backups, oldest first. Those whose description is damaged or that are missing are warnings: manifest_altered,
 * manifest_missing, chain_broken, fork, older_than_known, header_rolled_back, header_rewritten. Errors: destination_*.
 */
export function listSnapshots(session: Session): Promise<{ snapshots: SnapshotLine[]; warnings: Warning[] }> {
  return steadily(session, { read: () => listOnce(session), isOdd: ({ warnings }) => warnings.length > 0 })
}

async function listOnce(session: Session): Promise<{ snapshots: SnapshotLine[]; warnings: Warning[] }> {
  const listed = await listManifests(session)
  const found = await openSnapshots(session, bySnapshot(listed))
  const manifests = inOrder(found.flatMap(({ manifest }) => manifest ?? []))
  const warnings = [...session.warnings, ...found.flatMap(({ faults }) => faults.map(asWarning))]
  try {
    warnings.push(...(await judgeFreshness(session, { manifests, listed })))
    const unopened = found.filter(({ manifest }) => !manifest).flatMap(({ listed: [first] }) => first?.seq ?? [])
    warnings.push(...(await judgeChain(session, manifests, unopened)))
  } catch (error) {
    if (!isDamage(error)) throw error
    warnings.push(asWarning(error))
  }
  rememberNewest(session, manifests)
  return { snapshots: manifests.map(lineOf), warnings }
}

function lineOf({ snapshot, seq, createdAt, kind, chats, messages, newest, added }: Manifest): SnapshotLine {
  return {
    id: snapshot,
    seq,
    createdAt: new Date(createdAt),
    kind,
    chats,
    messages,
    newest: newest === null ? null : new Date(newest),
    added,
  }
}

export interface FindOptions {
  /** An id or the beginning of one; the newest if undefined. */
  wanted?: string | undefined
  /** When the newest cannot be opened, take the newest that can. */
  salvage: boolean
}

/**
 * One backup's manifest. Errors: no_snapshots, no_such_snapshot, manifest_altered, manifest_missing, destination_*.
 * Warnings as of listSnapshots, without the chain.
 */
export function findSnapshot(
  session: Session,
  options: FindOptions,
): Promise<{ manifest: Manifest; warnings: Warning[] }> {
  return steadily(session, { read: () => findOnce(session, options), isOdd: ({ warnings }) => warnings.length > 0 })
}

async function findOnce(
  session: Session,
  { wanted, salvage }: FindOptions,
): Promise<{ manifest: Manifest; warnings: Warning[] }> {
  const listed = await listManifests(session)
  const groups = bySnapshot(listed)
  if (groups.length === 0) throw new CofferError('no_snapshots')
  const warnings = [...session.warnings]
  const newest = await openNewest(session, groups)
  const manifests = inOrder(newest.opened)
  try {
    warnings.push(...(await judgeFreshness(session, { manifests, listed })))
  } catch (error) {
    if (!isDamage(error)) throw error
    warnings.push(asWarning(error))
  }
  rememberNewest(session, manifests)

  if (wanted !== undefined) {
    const found = await openSnapshot(session, theOne(groups, wanted))
    warnings.push(...found.faults.map(asWarning))
    return { manifest: opened(found), warnings }
  }
  warnings.push(...newest.faults.map(asWarning))
  const manifest = manifests.at(-1)
  // Without being asked to, an older backup is never passed off as the newest.
  if (!manifest || (newest.passedOver && !salvage)) throw newest.passedOver ?? new CofferError('no_snapshots')
  return { manifest, warnings }
}

interface OpenedNewest {
  /** All that share the highest number of those that open. */
  opened: Manifest[]
  faults: CofferError[]
  /** The fault of a newer snapshot of which no revision opens. */
  passedOver: CofferError | undefined
}

async function openNewest(session: Session, groups: ListedManifest[][]): Promise<OpenedNewest> {
  const faults: CofferError[] = []
  let passedOver: CofferError | undefined
  const bySeq = [...Map.groupBy(groups, ([first]) => first?.seq ?? 0)].sort(([a], [b]) => b - a)
  for (const [, same] of bySeq) {
    const found = await openSnapshots(session, same)
    faults.push(...found.flatMap((it) => it.faults))
    passedOver ??= found.find(({ manifest }) => !manifest)?.faults[0]
    const manifests = found.flatMap(({ manifest }) => manifest ?? [])
    if (manifests.length > 0) return { opened: manifests, faults, passedOver }
  }
  return { opened: [], faults, passedOver }
}

function theOne(groups: ListedManifest[][], wanted: string): ListedManifest[] {
  const start = wanted.trim().toLowerCase()
  const found = groups.filter(([first]) => start !== '' && first?.snapshot.startsWith(start))
  const [one, other] = found
  if (!one) throw new CofferError('no_such_snapshot', { snapshot: wanted })
  if (other) throw new CofferError('no_such_snapshot', { snapshot: wanted, reason: `${found.length} backups begin so` })
  return one
}

function opened({ manifest, faults }: FoundSnapshot): Manifest {
  if (manifest) return manifest
  throw faults[0] ?? new CofferError('no_snapshots')
}

/** Oldest first; of two with the same number, which is a fork, the one made later counts as newer. */
export function inOrder(manifests: readonly Manifest[]): Manifest[] {
  return manifests.toSorted((a, b) => a.seq - b.seq || a.createdAt - b.createdAt || (a.snapshot < b.snapshot ? -1 : 1))
}

function asWarning({ code, detail }: CofferError): Warning {
  return { code, detail }
}
