/** Filling the mirror from a snapshot's layers: on a new computer, or after another one wrote. */
import { throwIfCancelled } from '../../jobs/progress.ts'
import { blobKind } from '../format/blob.ts'
import type { ArchiveContext } from '../context.ts'
import type { FileEntry } from '../format/file-list.ts'
import { pageHashBytes } from '../format/limits.ts'
import type { Manifest } from '../format/manifest.ts'
import type { PackId } from '../format/names.ts'
import type { Place } from '../format/places.ts'
import { readRoot } from '../read/read-layers.ts'
import { resolveFiles } from '../read/resolve-files.ts'
import { type PageWindow, resolvePages } from '../read/resolve-pages.ts'
import { pieceRowBytes } from './file-cache.ts'
import { chunkPages, rowBytes } from './page-cache.ts'
import { layerKey, type LayerPacks, type LocalState, setLayerPacks } from './state.ts'

/** Row of the blob at a place; undefined when its pack is missing or has another size. */
type BlobOf = (place: Place) => number | undefined

/** Mirrors `manifest`. Damage of its layers throws, cancelling too; the mirror is then incomplete and has no label. */
export async function rebuild(
  context: ArchiveContext,
  state: LocalState,
  manifest: Manifest,
  listed: ReadonlyMap<PackId, number>,
  signal: AbortSignal,
): Promise<void> {
  for (const database of manifest.databases) {
    for await (const window of resolvePages(context, database)) {
      throwIfCancelled(signal)
      state.cache.write(() => mirrorWindow(state, database.path, database.pageSize, window, blobsIn(state, listed)))
    }
    state.cache.write(() => state.pages.setDatabase(database.path, database.pageSize, database.pages))
  }
  let batch: FileEntry[] = []
  const flush = () => {
    const blobOf = blobsIn(state, listed)
    state.cache.write(() => batch.forEach((entry) => mirrorFile(state, entry, blobOf)))
    batch = []
  }
  for await (const entry of resolveFiles(context, manifest.files.layers)) {
    if (batch.push(entry) < 512) continue
    throwIfCancelled(signal)
    flush()
  }
  flush()
  const packs = await packsOfLayers(context, manifest)
  state.cache.write(() => {
    setLayerPacks(state.cache, packs)
    state.cache.setLabel({ identity: manifest.identity, revision: manifest.revision })
  })
}

function mirrorWindow(state: LocalState, path: string, pageSize: number, window: PageWindow, blobOf: BlobOf): void {
  const per = chunkPages(pageSize)
  const found = {
    hashes: Buffer.allocUnsafe(window.count * pageHashBytes),
    blobs: new Uint32Array(window.count),
    indexes: new Uint16Array(window.count),
  }
  let count = 0
  for (let start = 0; start < window.count; start += per) {
    const rows = Buffer.alloc(Math.min(per, window.count - start) * rowBytes)
    for (let i = 0; i * rowBytes < rows.length; i++) {
      const place = window.places[window.rows[start + i] ?? -1]
      const blob = place && blobOf(place)
      if (blob === undefined) continue
      const hash = window.hashes.subarray((start + i) * pageHashBytes, (start + i + 1) * pageHashBytes)
      const index = window.indexes[start + i] ?? 0
      hash.copy(rows, i * rowBytes)
      rows.writeUInt32LE(blob, i * rowBytes + pageHashBytes)
      rows.writeUInt16LE(index, i * rowBytes + pageHashBytes + 4)
      hash.copy(found.hashes, count * pageHashBytes)
      found.blobs[count] = blob
      found.indexes[count] = index
      count++
    }
    state.pages.put(path, (window.first + start) / per, rows)
  }
  state.index.addPages({ ...found, hashes: found.hashes.subarray(0, count * pageHashBytes) })
}

function mirrorFile(state: LocalState, entry: FileEntry, blobOf: BlobOf): void {
  const rows = Buffer.alloc(entry.pieces.length * pieceRowBytes)
  let whole = true
  for (const [i, piece] of entry.pieces.entries()) {
    const blob = blobOf(piece.place)
    if (blob === undefined) {
      whole = false
      continue
    }
    rows.writeUInt32LE(blob, i * pieceRowBytes)
    piece.hash.copy(rows, i * pieceRowBytes + 4)
    state.index.addPieces([{ hash: piece.hash, blob }])
  }
  state.files.mirror({ ...entry, size: whole ? entry.size : -1, pieces: rows })
}

/** A look-up that remembers the places it has met; they are the same objects within one blob of a layer. */
function blobsIn(state: LocalState, listed: ReadonlyMap<PackId, number>): BlobOf {
  const known = new Map<Place, number | undefined>()
  return (place) => {
    if (!known.has(place)) {
      const sound = listed.get(place.pack.id) === place.pack.size
      known.set(
        place,
        sound ? state.index.blobAt(state.journal.landed(place.pack.id, place.pack.size), place) : undefined,
      )
    }
    return known.get(place)
  }
}

async function packsOfLayers(context: ArchiveContext, manifest: Manifest): Promise<LayerPacks> {
  const stacks = [
    ...manifest.databases.map((it) => ({ kind: blobKind.map, layers: it.layers })),
    { kind: blobKind.files, layers: manifest.files.layers },
  ]
  const packs: LayerPacks = new Map()
  for (const { kind, layers } of stacks)
    for (const layer of layers) {
      const blobs = await readRoot(context, layer, kind)
      const root = { pack: layer.pack, size: layer.size }
      packs.set(layerKey(layer), [root, ...blobs.map(({ place }) => ({ pack: place.pack.id, size: place.pack.size }))])
    }
  return packs
}
