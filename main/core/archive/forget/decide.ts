/**
 * Which snapshots go and which stay, and whether it is safe to decide at all. What is deleted afterwards is whatever
 * the snapshots that stay do not need; so every snapshot must be here and must open, or it would lose what it needs.
 */
import { CofferError } from '../../../../contract/errors.ts'
import type { Manifest } from '../format/manifest.ts'
import { type Identity, manifestName } from '../format/names.ts'
import type { FoundSnapshot } from '../read/survey-snapshots.ts'
import type { ListedManifest } from '../read/read-manifests.ts'
import { type Chain, pathBack } from './chain.ts'
import { type KeepRule, notKept } from './keep-rule.ts'

/** A snapshot that stays. */
export interface KeptSnapshot {
  manifest: Manifest
  /** Every revision of it that is listed. */
  listed: ListedManifest[]
  /** No snapshot has a higher number: what was deleted is told here in full, for whoever follows it. */
  head: boolean
}

export interface Decision {
  /** Oldest first. */
  kept: KeptSnapshot[]
  /** Oldest first. Those without a manifest do not open and were named. */
  doomed: FoundSnapshot[]
  /** All that were ever deleted, these included. */
  chain: Chain
  /** Of these, the ones that no manifest lists yet. */
  fresh: Set<Identity>
}

export interface Wishes {
  rule: KeepRule
  /** Ids of snapshots or their beginnings; or, in full, the identity of one that is missing and is to count as deleted. */
  named: readonly string[]
  now: Date
}

export interface Evidence {
  /** All that the destination lists, in the order of their numbers. */
  found: readonly FoundSnapshot[]
  /** What the newest snapshots list as deleted. */
  deleted: ReadonlyMap<Identity, Identity | null>
  /** What any other snapshot whose predecessor is not here lists. */
  told: ReadonlyMap<Identity, Identity | null>
  /** The newest that this computer ever saw. */
  remembered: { seq: number; identity: Identity } | null
}

/**
 * Decides. Errors: no_such_snapshot; newest_kept; manifest_altered or manifest_missing when a snapshot that is not
 * named does not open; manifest_missing when the newest is not shown; chain_broken when another one is not.
 */
export function decide({ found, deleted, told, remembered }: Evidence, { rule, named, now }: Wishes): Decision {
  const wanted = new Set(named.filter((id) => !isIdentity(id)).map((id) => theOne(found, id)))
  const closed = found.filter(({ manifest }) => !manifest)
  for (const { faults, ...it } of closed)
    if (!wanted.has(keyOf(it))) throw faults[0] ?? new CofferError('manifest_altered')

  const open = found.flatMap(({ manifest, listed }) => (manifest ? [{ manifest, listed }] : []))
  const top = Math.max(0, ...open.map(({ manifest }) => manifest.seq))
  const heads = new Set(open.filter(({ manifest }) => manifest.seq === top).map(({ manifest }) => manifest))
  for (const manifest of heads)
    if (wanted.has(manifest.snapshot)) throw new CofferError('newest_kept', { snapshot: manifest.snapshot })

  const byRule = new Set(
    notKept(
      open.map(({ manifest }) => manifest),
      rule,
      now,
    ),
  )
  // What an interrupted run had recorded as deleted is deleted now.
  const goes = (it: Manifest): boolean =>
    !heads.has(it) && (wanted.has(it.snapshot) || byRule.has(it) || deleted.has(it.identity))
  const kept = open.filter(({ manifest }) => !goes(manifest)).map((it) => ({ ...it, head: heads.has(it.manifest) }))

  const chain: Chain = new Map(deleted)
  const opened = new Set(open.map(({ manifest }) => manifest.identity))
  // A run that was interrupted may have told a successor of deletions that were never decided.
  for (const [identity, predecessor] of told)
    if (!chain.has(identity) && !opened.has(identity)) chain.set(identity, predecessor)
  for (const { manifest } of open) if (goes(manifest)) chain.set(manifest.identity, manifest.predecessor)
  // A missing snapshot that its owner names by identity, or that may be one they name whose description is damaged, is
  // known to be gone for good. What came before it cannot be known any more.
  const closedNumbers = closed.map(({ listed }) => listed[0]?.seq ?? 0)
  const givenUp = (id: Identity, before: number): boolean =>
    named.includes(id) || closedNumbers.some((seq) => seq < before)
  const here = new Set(kept.map(({ manifest }) => manifest.identity))
  for (const { manifest } of kept) {
    const { missing } = pathBack(manifest.predecessor, chain, here)
    if (missing === undefined) continue
    if (!givenUp(missing, manifest.seq))
      throw new CofferError('chain_broken', { object: manifestName(manifest), missing })
    chain.set(missing, null)
  }
  for (const id of named)
    if (isIdentity(id) && !chain.has(id)) throw new CofferError('no_such_snapshot', { snapshot: id })
  if (remembered && !closedNumbers.includes(remembered.seq)) requireNewest(remembered, { top, here, chain })
  return {
    kept,
    doomed: found.filter(({ manifest }) => !manifest || goes(manifest)),
    chain,
    fresh: new Set([...chain.keys()].filter((id) => !deleted.has(id))),
  }
}

/** A destination that does not show the newest snapshot would have us delete all that it alone needs. */
function requireNewest(
  remembered: { seq: number; identity: Identity },
  it: { top: number; here: ReadonlySet<Identity>; chain: Chain },
): void {
  if (it.top > remembered.seq) return
  const { identity } = remembered
  if (!it.here.has(identity) && !it.chain.has(identity))
    throw new CofferError('manifest_missing', {
      number: remembered.seq,
      reason: 'not shown here any more; make a backup first',
    })
}

function theOne(found: readonly FoundSnapshot[], id: string): string {
  const start = id.trim().toLowerCase()
  const matching = found.map(keyOf).filter((snapshot) => start !== '' && snapshot.startsWith(start))
  const [one, other] = matching
  if (one === undefined) throw new CofferError('no_such_snapshot', { snapshot: id })
  if (other !== undefined)
    throw new CofferError('no_such_snapshot', { snapshot: id, reason: `${matching.length} backups begin so` })
  return one
}

function keyOf({ listed }: Pick<FoundSnapshot, 'listed'>): string {
  return listed[0]?.snapshot ?? ''
}

function isIdentity(id: string): id is Identity {
  return /^[0-9a-f]{64}$/.test(id)
}
