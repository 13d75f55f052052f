/**
 * When a new layer takes in older ones: while the layer below is smaller than twice the new one, so that a stack has
 * about ten layers and each entry is rewritten only a few times in its life.
 */
import type { ArchiveContext } from '../context.ts'
import type { FileEntry, ListEntry } from '../format/file-list.ts'
import type { Layer } from '../format/manifest.ts'
import type { PageEntry } from '../format/page-map.ts'
import { pageHashBytes } from '../format/limits.ts'
import { readPageMap, readRoot } from '../read/read-layers.ts'
import { mergeLayers } from '../read/resolve-files.ts'
import { blobKind } from '../format/blob.ts'

/** How many layers from the top a new one of `entries` entries takes in. */
export function layersToMerge(entries: number, below: readonly Pick<Layer, 'entries'>[]): number {
  let size = entries
  let take = 0
  for (const layer of below) {
    if (layer.entries >= 2 * size) break
    size += layer.entries
    take++
  }
  return take
}

/** The entries of one page map layer in order, one decoded blob at a time. */
export async function* pageEntries(context: ArchiveContext, layer: Layer): AsyncGenerator<PageEntry, void, undefined> {
  for (const blob of await readRoot(context, layer, blobKind.map)) {
    const map = await readPageMap(context, blob)
    for (let i = 0; i < map.pages.length; i++) {
      const place = map.places[map.rows[i] ?? 0]
      const page = map.pages[i]
      if (!place || page === undefined) throw new Error('a decoded map without its places')
      yield {
        page,
        place,
        index: map.indexes[i] ?? 0,
        hash: map.hashes.subarray(i * pageHashBytes, (i + 1) * pageHashBytes),
      }
    }
  }
}

/** Entries of `newer` laid over those of the layers below (newest first), without pages from `pageCount` on. */
export async function* overlayPages(
  context: ArchiveContext,
  newer: Iterable<PageEntry>,
  below: readonly Layer[],
  pageCount: number,
): AsyncGenerator<PageEntry, void, undefined> {
  let merged: AsyncIterator<PageEntry> | undefined
  for (const layer of [...below].reverse()) merged = overTwo(pageEntries(context, layer), merged)
  const top = overTwo(asAsync(newer), merged)
  for (let next = await top.next(); !next.done && next.value.page < pageCount; next = await top.next()) yield next.value
}

async function* overTwo(
  newer: AsyncIterator<PageEntry>,
  older: AsyncIterator<PageEntry> | undefined,
): AsyncGenerator<PageEntry, void, undefined> {
  let a = await newer.next()
  let b = await older?.next()
  while (!a.done || (b && !b.done)) {
    if (!b || b.done || (!a.done && a.value.page <= b.value.page)) {
      if (a.done) return
      if (b && !b.done && b.value.page === a.value.page) b = await older?.next()
      yield a.value
      a = await newer.next()
    } else {
      yield b.value
      b = await older?.next()
    }
  }
}

async function* asAsync(entries: Iterable<PageEntry>): AsyncGenerator<PageEntry, void, undefined> {
  yield* entries
}

/** Entries of `newer` laid over those of the layers below. A removal is kept only while there is a layer under it. */
export async function* overlayFiles(
  context: ArchiveContext,
  newer: Iterable<ListEntry | FileEntry>,
  below: readonly Layer[],
  { bottom }: { bottom: boolean },
): AsyncGenerator<ListEntry, void, undefined> {
  const older = mergeLayers(context, below)
  let b = await older.next()
  for (const entry of newer) {
    for (; !b.done && Buffer.compare(b.value.path, entry.path) < 0; b = await older.next())
      if (!bottom || !('removed' in b.value)) yield b.value
    if (!b.done && b.value.path.equals(entry.path)) b = await older.next()
    if (!bottom || !('removed' in entry)) yield entry
  }
  for (; !b.done; b = await older.next()) if (!bottom || !('removed' in b.value)) yield b.value
}
