/** The chain of snapshots across those that were deleted on purpose (docs/FORMAT.md, "Freshness"). */
import type { ForgottenRow } from '../format/forgotten-list.ts'
import type { Identity } from '../format/names.ts'

/** Deleted snapshots, each with the one before it. */
export type Chain = Map<Identity, Identity | null>

export interface Path {
  /** The deleted ones between a snapshot and the nearest before it that is still here, nearest first. */
  rows: ForgottenRow[]
  /** Where the path ends in one that is neither here nor was deleted. */
  missing: Identity | undefined
}

/** Follows the chain back from a snapshot's predecessor. */
export function pathBack(from: Identity | null, chain: Chain, here: ReadonlySet<Identity>): Path {
  const rows: ForgottenRow[] = []
  const seen = new Set<Identity>()
  for (let at = from; at !== null && !here.has(at);) {
    const predecessor = chain.get(at)
    // Hashes cannot go round in a circle, but what was written down can.
    if (predecessor === undefined || seen.has(at)) return { rows, missing: at }
    seen.add(at)
    rows.push({ identity: at, predecessor })
    at = predecessor
  }
  return { rows, missing: undefined }
}

/** All rows, as a list of them is stored. */
export function sortedRows(rows: Iterable<ForgottenRow>): ForgottenRow[] {
  return [...rows].sort((a, b) => (a.identity < b.identity ? -1 : 1))
}
