/**
 * New layers for those that lie in packs that go, or name what lies there. A layer's untouched blobs stay where they
 * are. Which page or path an entry is for, and its hashes, never change: only places do, and entries vanish that no
 * snapshot sees.
 */
import { blobKind } from '../format/blob.ts'
import { u32 } from '../format/bytes.ts'
import type { ArchiveContext } from '../context.ts'
import { decodeFileList, FileListBuilder, type ListEntry, type Piece } from '../format/file-list.ts'
import type { LayerBlob, LayerKind } from '../format/layer-root.ts'
import { maxLayerEntries, pageHashBytes } from '../format/limits.ts'
import { layerKey } from '../local/state.ts'
import type { Layer, Manifest } from '../format/manifest.ts'
import { packName, type PackId } from '../format/names.ts'
import { encodePageColumns } from '../format/page-map.ts'
import type { PackRef, Place } from '../format/places.ts'
import { intact, readBlob } from '../read/read-blob.ts'
import { readPageMap, readRoot } from '../read/read-layers.ts'
import type { LayerPart, TableWriter, WrittenLayer } from '../write/table-writer.ts'
import type { LiveTable } from './live-table.ts'
import type { Moves } from './moves.ts'

/** New layers by the key of the old one; undefined where no entry is left. Layers that are not in it stay. */
export type NewLayers = Map<string, WrittenLayer | undefined>

export class LayerRewriter {
  private readonly context: ArchiveContext
  private readonly tables: TableWriter
  private readonly live: LiveTable
  private readonly moves: Moves
  private readonly going: ReadonlySet<PackId>
  readonly layers: NewLayers = new Map()

  /** `going` are the packs that go. */
  constructor(context: ArchiveContext, tables: TableWriter, live: LiveTable, moves: Moves, going: ReadonlySet<PackId>) {
    this.context = context
    this.tables = tables
    this.live = live
    this.moves = moves
    this.going = going
  }

  /** Writes new layers for a snapshot where the old ones cannot stay. */
  async rewrite({ databases, files, forgotten }: Manifest): Promise<void> {
    for (const { layers } of databases) await this.all(blobKind.map, layers)
    await this.all(blobKind.files, files.layers)
    await this.all(blobKind.forgotten, forgotten.layers)
  }

  /** Whether any layer of a snapshot was written anew. */
  changes({ databases, files, forgotten }: Manifest): boolean {
    const layers = [...databases.flatMap((it) => it.layers), ...files.layers, ...forgotten.layers]
    return layers.some((layer) => this.layers.has(layerKey(layer)))
  }

  private async all(kind: LayerKind, layers: readonly Layer[]): Promise<void> {
    for (const layer of layers) {
      const key = layerKey(layer)
      const touched = this.layers.has(key) ? undefined : this.touched(layer)
      if (!touched) continue
      const blobs = await readRoot(this.context, layer, kind)
      this.layers.set(key, await this.tables.layer(kind, this.parts(kind, blobs, touched)))
    }
  }

  /** The numbers of the blobs to be written anew; undefined when neither they nor the root have to be. */
  private touched(layer: Layer): ReadonlySet<number> | undefined {
    const blobs = new Set(this.live.blobsNaming(layerKey(layer), this.going))
    return blobs.size > 0 || this.going.has(layer.pack) ? blobs : undefined
  }

  private async *parts(
    kind: LayerKind,
    blobs: readonly LayerBlob[],
    touched: ReadonlySet<number>,
  ): AsyncGenerator<LayerPart, void, undefined> {
    for (const [n, blob] of blobs.entries()) {
      if (!touched.has(n)) yield blob
      else if (kind === blobKind.map) yield* this.pages(blob)
      else if (kind === blobKind.files) yield* this.files(blob)
      else
        yield {
          plain: await readBlob(this.context, blob.place, kind),
          entries: blob.entries,
          first: blob.first,
          last: blob.last,
        }
    }
  }

  private async *pages(blob: LayerBlob): AsyncGenerator<LayerPart, void, undefined> {
    const map = await readPageMap(this.context, blob)
    const places: Place[] = []
    const rowOf = new Map<Place, number>()
    const hashes = Buffer.allocUnsafe(map.hashes.length)
    // The numbers are written over those that were read: an entry never comes to lie further back.
    let count = 0
    for (let i = 0; i < map.pages.length; i++) {
      const place = map.places[map.rows[i] ?? 0]
      if (!place) continue
      const index = map.indexes[i] ?? 0
      const moved = this.isGoing(place.pack) ? this.moves.of(place.pack, place.ordinal, index) : { place, index }
      if (!moved) continue
      const row = rowOf.get(moved.place) ?? places.length
      if (row === places.length) rowOf.set(moved.place, places.push(moved.place) - 1)
      map.pages[count] = map.pages[i] ?? 0
      map.rows[count] = row
      map.indexes[count] = moved.index
      map.hashes.copy(hashes, count * pageHashBytes, i * pageHashBytes, (i + 1) * pageHashBytes)
      count++
    }
    const pages = map.pages.subarray(0, count)
    const [first, last] = [pages[0], pages.at(-1)]
    if (first === undefined || last === undefined) return
    const plain = encodePageColumns({ ...map, places, pages, hashes })
    yield { plain, entries: count, first: u32(first), last: u32(last) }
  }

  private async *files(blob: LayerBlob): AsyncGenerator<LayerPart, void, undefined> {
    const { pack } = blob.place
    const plain = await readBlob(this.context, blob.place, blobKind.files)
    const entries = decodeFileList(plain, pack)
    let builder = new FileListBuilder()
    for (
      let next = intact(packName(pack.id), () => entries.next());
      !next.done;
      next = intact(packName(pack.id), () => entries.next())
    ) {
      const entry = this.file(next.value)
      if (!entry || builder.add(entry, maxLayerEntries)) continue
      yield* built(builder)
      builder = new FileListBuilder()
      builder.add(entry, maxLayerEntries)
    }
    yield* built(builder)
  }

  /** An entry with its pieces' new places; undefined when a piece is gone, since then no snapshot sees the file. */
  private file(entry: ListEntry): ListEntry | undefined {
    if ('removed' in entry) return entry
    const pieces: Piece[] = []
    for (const { hash, place } of entry.pieces) {
      const moved = this.isGoing(place.pack) ? this.moves.of(place.pack, place.ordinal, 0)?.place : place
      if (!moved) return undefined
      pieces.push({ hash, place: moved })
    }
    return { ...entry, pieces }
  }

  private isGoing({ id }: PackRef): boolean {
    return this.going.has(id)
  }
}

function* built(builder: FileListBuilder): Generator<LayerPart, void, undefined> {
  const { first, last, entryCount } = builder
  if (first && last) yield { plain: builder.encode(), entries: entryCount, first, last }
}
