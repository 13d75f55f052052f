/**
 * Where every page of a database is: the layers of its map laid over each other, newest first, in windows of 2^20
 * pages so that memory does not grow with the database (22 MiB a window).
 */
import type { CofferError } from '../../../../contract/errors.ts'
import { blobKind } from '../format/blob.ts'
import type { ArchiveContext } from '../context.ts'
import { pageHashBytes } from '../format/limits.ts'
import type { LayerBlob } from '../format/layer-root.ts'
import type { DatabaseEntry } from '../format/manifest.ts'
import type { Place } from '../format/places.ts'
import { isDamage } from './read-blob.ts'
import { readPageMap, readRoot } from './read-layers.ts'

export const windowPages = 2 ** 20
/** In `PageWindow.rows`: no layer names this page. */
export const nowhere = 0xffffffff
/** In `PageWindow.rows`: a layer that may name this page is damaged, so what older layers say cannot be trusted. */
export const unknown = 0xfffffffe

/** A stretch of a database: for page `first + i`, `places[rows[i]]` is its blob and `indexes[i]` its index there. */
export interface PageWindow {
  first: number
  count: number
  places: Place[]
  rows: Uint32Array
  indexes: Uint16Array
  hashes: Buffer
}

/**
 * Yields the windows of a database in order. A damaged layer throws, or, when `onFault` is given, is reported and its
 * range marked `unknown`: an older layer's page may be one that this snapshot had replaced.
 */
export async function* resolvePages(
  context: ArchiveContext,
  database: DatabaseEntry,
  onFault?: (fault: CofferError) => void,
): AsyncGenerator<PageWindow, void, undefined> {
  const layers: (LayerBlob[] | undefined)[] = []
  for (const layer of database.layers) layers.push(await orFault(() => readRoot(context, layer, blobKind.map), onFault))
  for (let first = 0; first < database.pages; first += windowPages) {
    const window = emptyWindow(first, Math.min(windowPages, database.pages - first))
    for (const blobs of layers) {
      if (blobs) await layOver(context, window, blobs, onFault)
      else mark(window, first, first + window.count)
    }
    yield window
  }
}

async function layOver(
  context: ArchiveContext,
  window: PageWindow,
  blobs: LayerBlob[],
  onFault?: (fault: CofferError) => void,
): Promise<void> {
  for (const blob of blobs) {
    const [from, to] = [blob.first.readUInt32LE(), blob.last.readUInt32LE()]
    if (to < window.first || from >= window.first + window.count) continue
    const map = await orFault(() => readPageMap(context, blob), onFault)
    if (!map) {
      mark(window, from, to + 1)
      continue
    }
    const base = window.places.length
    for (const place of map.places) window.places.push(place)
    map.pages.forEach((page, i) => {
      const at = page - window.first
      if (at < 0 || at >= window.count || window.rows[at] !== nowhere) return
      window.rows[at] = base + (map.rows[i] ?? 0)
      window.indexes[at] = map.indexes[i] ?? 0
      map.hashes.copy(window.hashes, at * pageHashBytes, i * pageHashBytes, (i + 1) * pageHashBytes)
    })
  }
}

function mark(window: PageWindow, from: number, to: number): void {
  for (let at = Math.max(0, from - window.first); at < Math.min(window.count, to - window.first); at++)
    if (window.rows[at] === nowhere) window.rows[at] = unknown
}

async function orFault<T>(read: () => Promise<T>, onFault?: (fault: CofferError) => void): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!onFault || !isDamage(error)) throw error
    onFault(error)
    return undefined
  }
}

function emptyWindow(first: number, count: number): PageWindow {
  return {
    first,
    count,
    places: [],
    rows: new Uint32Array(count).fill(nowhere),
    indexes: new Uint16Array(count),
    hashes: Buffer.alloc(count * pageHashBytes),
  }
}
