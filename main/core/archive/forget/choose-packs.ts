/** Which packs are not worth keeping as they are (docs/FORMAT.md, "Forgetting"). */
import type { CofferError } from '../../../../contract/errors.ts'
import { blobKind } from '../format/blob.ts'
import type { ArchiveContext } from '../context.ts'
import { pageHashBytes, runPlain } from '../format/limits.ts'
import type { PackId } from '../format/names.ts'
import type { PackRef } from '../format/places.ts'
import { fetchIndex } from '../read/pack-index.ts'
import { isDamage } from '../read/read-blob.ts'
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
 * Chooses packs less than half alive and, when there are sixteen or more, all small ones. Layers that name what lies
 * there are written anew, so what they are now dies too: packs that are then less than half alive are chosen as well.
 * `postponed` says how many there is no room for now: what is alive has to be written before the old can go.
 */
export async function choosePacks(
  context: ArchiveContext,
  live: LiveTable,
  { listed, free, onFault }: ChooseOptions,
): Promise<{ replaced: ReplacedPack[]; postponed: number }> {
  const shares = new Map<PackId, Share>()
  for (const pack of live.needed().values()) {
    // One that is missing or has another size than its tables say: verify names it, and nothing can be read from it.
    if (listed.get(pack.id)?.size === pack.size) shares.set(pack.id, new Share(context, live, pack, onFault))
  }
  const chosen = new Map<PackId, PackRef>()
  for (const share of shares.values()) if (await share.mostlyDead(0)) chosen.set(share.pack.id, share.pack)
  const small = [...shares.values()].filter(({ pack }) => pack.size < smallPack && !chosen.has(pack.id))
  if (small.length >= smallPacksJoined) for (const { pack } of small) chosen.set(pack.id, pack)
  for (let before = -1; before < chosen.size;) {
    before = chosen.size
    for (const [id, lost] of live.tablesLost(chosen.values())) {
      const share = chosen.has(id) ? undefined : shares.get(id)
      if (share && (await share.mostlyDead(lost))) chosen.set(id, share.pack)
    }
  }
  const wanted = [...shares.values()]
    .filter(({ pack, damaged }) => chosen.has(pack.id) && !damaged)
    .map(({ pack, alive }) => ({ ...pack, alive: Math.round(alive) }))
  if (free === undefined) return { replaced: wanted, postponed: 0 }
  // Those that give back most for least come first; the next forget goes on with the room they have made.
  let room = free - smallPack
  const replaced = wanted.sort((a, b) => a.alive - b.alive).filter(({ alive }) => (room -= alive) > 0)
  return { replaced, postponed: wanted.length - replaced.length }
}

/** How much of a pack is alive. A page counts as its share of the sealed bytes of its run. */
class Share {
  readonly pack: PackRef
  readonly #context: ArchiveContext
  readonly #blobs: readonly LiveBlob[]
  readonly #onFault: ChooseOptions['onFault']
  /** Sealed bytes alive: at least so many until the index was fetched. */
  alive: number
  /** Its index does not open. */
  damaged = false
  #total: number | undefined

  constructor(context: ArchiveContext, live: LiveTable, pack: PackRef, onFault: ChooseOptions['onFault']) {
    this.pack = pack
    this.#context = context
    this.#blobs = live.blobsOf(pack)
    this.#onFault = onFault
    // Runs have at most so many pages: at least this share of each is alive.
    this.alive = this.#count(({ pageSize }) => Math.floor(runPlain / Math.max(1, pageSize)))
  }

  /** Whether less than half is alive once `lost` more bytes are not. The index is fetched only if that may be so. */
  async mostlyDead(lost: number): Promise<boolean> {
    if (this.damaged || (this.alive - lost) * 2 >= this.pack.size) return false
    try {
      this.#total ??= await this.#fetchTotal()
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#onFault(error)
      this.damaged = true
      return false
    }
    return (this.alive - lost) * 2 < this.#total
  }

  async #fetchTotal(): Promise<number> {
    const index = await fetchIndex(this.#context, this.pack.id, this.pack.size)
    this.alive = this.#count(({ place }) => (index[place.ordinal]?.hashes.length ?? 0) / pageHashBytes)
    return index.reduce((sum, { kind, length }) => sum + (kind === blobKind.padding ? 0 : length), 0)
  }

  #count(pagesOf: (blob: LiveBlob) => number): number {
    return this.#blobs.reduce(
      (sum, blob) =>
        sum + blob.place.length * (blob.pages ? Math.min(1, countPages(blob.pages) / Math.max(1, pagesOf(blob))) : 1),
      0,
    )
  }
}
