/**
 * Marking what is alive: an entry of a layer is, when in some snapshot that stays no layer above has the same page or
 * path and, for pages, the database is that long. That is what resolving each snapshot's map would find
 * (resolve-pages.ts, resolve-files.ts), but every layer is read once, however many snapshots share it.
 */
import { blobKind } from '../format/blob.ts'
import type { ArchiveContext } from '../context.ts'
import { decodeFileList } from '../format/file-list.ts'
import type { LayerBlob, LayerKind } from '../format/layer-root.ts'
import { layerKey } from '../local/state.ts'
import type { Layer, Manifest } from '../format/manifest.ts'
import { packName } from '../format/names.ts'
import type { PageMapBlob } from '../format/page-map.ts'
import type { PackRef } from '../format/places.ts'
import { intact, readBlob } from '../read/read-blob.ts'
import { readPageMap, readRoot, rootPlace } from '../read/read-layers.ts'
import { chunkPages, hasBit, HiddenPages, setBit } from './hidden-pages.ts'
import { type LayerUse, layerUses } from './layer-uses.ts'
import type { LiveTable } from './live-table.ts'
import { SeenPaths } from './seen-paths.ts'

/** Told how many bytes of tables, roughly, were read of how many. */
export type OnTables = (done: number, total: number) => void

/** What an entry takes up, for telling how far the work is. */
const pageEntryBytes = 26
const fileEntryBytes = 150

/** Marks all that the databases and files of these snapshots need. Errors: damage of any of their layers; local_full. */
export async function markContent(
  context: ArchiveContext,
  live: LiveTable,
  manifests: readonly Manifest[],
  onTables: OnTables,
): Promise<void> {
  const databases = layerUses(manifests.flatMap((it) => it.databases))
  const lists = layerUses(manifests.map(({ files: { layers } }) => ({ layers, pages: 0, pageSize: 0 })))
  const total = entriesOf(databases) * pageEntryBytes + entriesOf(lists) * fileEntryBytes
  let done = 0
  const onBytes = (bytes: number): void => onTables((done += bytes), total)
  const hidden = new HiddenPages(live)
  for (const use of databases) await markPages(context, live, hidden, use, onBytes)
  const paths = new SeenPaths(live)
  for (const use of lists) await markFiles(context, live, paths, use, onBytes)
}

/** Marks the lists of what was deleted. */
export async function markForgotten(context: ArchiveContext, live: LiveTable, layers: Iterable<Layer>): Promise<void> {
  for (const layer of new Map([...layers].map((it) => [layerKey(it), it])).values())
    await markTables(context, live, layer, blobKind.forgotten)
}

function entriesOf(uses: readonly LayerUse[]): number {
  return uses.reduce((sum, { layer }) => sum + layer.entries, 0)
}

/** A layer's root and blobs are needed whole. */
async function markTables(
  context: ArchiveContext,
  live: LiveTable,
  layer: Layer,
  kind: LayerKind,
): Promise<LayerBlob[]> {
  const blobs = await readRoot(context, layer, kind)
  const places = blobs.map(({ place }) => place)
  live.write(() => live.needLayer(layerKey(layer), kind, rootPlace(layer), places))
  return blobs
}

async function markPages(
  context: ArchiveContext,
  live: LiveTable,
  hidden: HiddenPages,
  use: LayerUse,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const recorder = use.above ? hidden.recorder(use.id) : undefined
  for (const [n, blob] of (await markTables(context, live, use.layer, blobKind.map)).entries()) {
    const map = await readPageMap(context, blob)
    const alive = visiblePages(map, use, hidden)
    live.write(() => {
      const packs = new Set<PackRef>()
      map.places.forEach((place, row) => {
        live.pack(place.pack)
        const pages = alive[row]
        if (!pages) return
        live.needPages(place, use.pageSize, pages)
        packs.add(place.pack)
      })
      live.nameIn(layerKey(use.layer), n, packs)
    })
    recorder?.pages(map.pages)
    onBytes(blob.entries * pageEntryBytes)
  }
  recorder?.done()
}

/** For each place of the map one bit for every page that some snapshot sees there. */
function visiblePages(map: PageMapBlob, use: LayerUse, hidden: HiddenPages): (Buffer | undefined)[] {
  const alive: (Buffer | undefined)[] = new Array<undefined>(map.places.length)
  let chunk = -1
  let unseen: Buffer | undefined
  map.pages.forEach((page, i) => {
    const own = Math.floor(page / chunkPages)
    if (own !== chunk) unseen = hidden.of(use, (chunk = own))
    if (unseen && hasBit(unseen, page % chunkPages)) return
    const [row, index] = [map.rows[i] ?? 0, map.indexes[i] ?? 0]
    let bits = alive[row]
    if (!bits || index >= bits.length * 8) {
      const larger = Buffer.alloc(Math.max(8, (index >> 3) + 1))
      bits?.copy(larger)
      alive[row] = bits = larger
    }
    setBit(bits, index)
  })
  return alive
}

async function markFiles(
  context: ArchiveContext,
  live: LiveTable,
  paths: SeenPaths,
  use: LayerUse,
  onBytes: (bytes: number) => void,
): Promise<void> {
  for (const [n, blob] of (await markTables(context, live, use.layer, blobKind.files)).entries()) {
    const plain = await readBlob(context, blob.place, blobKind.files)
    const { pack } = blob.place
    live.write(() =>
      intact(packName(pack.id), () => {
        const packs = new Set<PackRef>()
        for (const entry of decodeFileList(plain, pack)) {
          const seen = paths.sees(use, entry.path)
          if (use.above) paths.record(use, entry.path)
          for (const { place } of 'removed' in entry ? [] : entry.pieces) {
            live.pack(place.pack)
            if (!seen) continue
            live.needBlob(place, blobKind.piece)
            packs.add(place.pack)
          }
        }
        live.nameIn(layerKey(use.layer), n, packs)
      }),
    )
    onBytes(blob.entries * fileEntryBytes)
  }
}
