/** Which packs are not worth keeping as they are (archive.md, "Forgetting"). */
import type { CofferError } from '../../../../contract/errors.ts'
import { blobKind } from '../blob.ts'
import type { ArchiveContext } from '../context.ts'
import { pageHashBytes, runPlain } from '../limits.ts'
import type { PackId } from '../names.ts'
import type { PackRef } from '../places.ts'
import { fetchIndex } from '../read/pack-index.ts'
import { isDamage } from '../read-blob.ts'
import { countPages, type LiveBlob, type LiveTable } from './live-table.ts'

/** Packs smaller than this are small; so many of them are joined. */
export const smallPack = 4 * 1024 * 1024
export const smallPacksJoined = 16

/** A pack to be replaced: what is alive in it moves to new packs, then it is deleted. */
export interface ReplacedPack extends PackRef {
  /** Sealed bytes that are alive. */
  alive: number
}

export interface ChooseOptions {
  /** All packs that are there, with their sizes. */
  listed: ReadonlyMap<PackId, { size: number }>
  /** Bytes free in the destination, where that is known. */
  free: number | undefined
  /** Called for packs that are damaged: they stay as they are, for whoever wants to save what can be saved. */
  onFault(fault: CofferError): void
}

/**
 * Chooses packs less than half alive and, when there are sixteen or more, all small ones. `postponed` says how many
 * there is no room for now: what is alive in them has to be written before they can be deleted.
 */
export async function choosePacks(
  context: ArchiveContext,
  live: LiveTable,
  { listed, free, onFault }: ChooseOptions,
): Promise<{ replaced: ReplacedPack[]; postponed: number }> {
  const half: ReplacedPack[] = []
  const small: ReplacedPack[] = []
  for (const pack of live.needed().values()) {
    // One that is missing or has another size than its tables say: verify names it, and nothing can be read from it.
    if (listed.get(pack.id)?.size !== pack.size) continue
    try {
      const { alive, mostlyDead } = await shareAlive(context, pack, live.blobsOf(pack))
      if (mostlyDead) half.push({ ...pack, alive })
      else if (pack.size < smallPack) small.push({ ...pack, alive })
    } catch (error) {
      if (!isDamage(error)) throw error
      onFault(error)
    }
  }
  const wanted = small.length >= smallPacksJoined ? [...half, ...small] : half
  if (free === undefined) return { replaced: wanted, postponed: 0 }
  // Those that give back most for least come first; the next forget goes on with the room they have made.
  let room = free - smallPack
  const replaced = wanted.sort((a, b) => a.alive - b.alive).filter(({ alive }) => (room -= alive) > 0)
  return { replaced, postponed: wanted.length - replaced.length }
}

/** How much of a pack is alive. A page counts as its share of the sealed bytes of its run. */
async function shareAlive(
  context: ArchiveContext,
  pack: PackRef,
  blobs: readonly LiveBlob[],
): Promise<{ alive: number; mostlyDead: boolean }> {
  // Runs have at most so many pages. If at that most pages are alive they are so in truth, and nothing need be fetched.
  const least = blobs.reduce(
    (sum, it) => sum + aliveBytes(it, Math.max(1, Math.floor(runPlain / Math.max(1, it.pageSize)))),
    0,
  )
  if (least * 2 >= pack.size) return { alive: least, mostlyDead: false }
  const index = await fetchIndex(context, pack.id, pack.size)
  const total = index.reduce((sum, { kind, length }) => sum + (kind === blobKind.padding ? 0 : length), 0)
  const alive = blobs.reduce(
    (sum, it) => sum + aliveBytes(it, (index[it.place.ordinal]?.hashes.length ?? 0) / pageHashBytes),
    0,
  )
  return { alive, mostlyDead: alive * 2 < total }
}

function aliveBytes({ place, pages }: LiveBlob, pagesInRun: number): number {
  return pages ? place.length * Math.min(1, countPages(pages) / Math.max(1, pagesInRun)) : place.length
}
