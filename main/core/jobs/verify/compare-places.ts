/**
 * Do the tables and the packs say the same? Every place that a layer names is looked up in its pack's index. Each
 * layer is looked at once, however many snapshots share it; then what a restore fetches is what `--read` has checked.
 */
import { blobKind, type BlobKind } from '../../archive/format/blob.ts'
import type { ArchiveContext } from '../../archive/context.ts'
import { decodeFileList } from '../../archive/format/file-list.ts'
import type { LayerKind } from '../../archive/format/layer-root.ts'
import { hashBytes, pageHashBytes } from '../../archive/format/limits.ts'
import type { Layer, Manifest } from '../../archive/format/manifest.ts'
import { packName, type PackId } from '../../archive/format/names.ts'
import type { IndexedBlob } from '../../archive/format/pack.ts'
import type { Place } from '../../archive/format/places.ts'
import { intact, isDamage, readBlob } from '../../archive/read/read-blob.ts'
import { readPageMap, readRoot, rootPlace } from '../../archive/read/read-layers.ts'
import { fetchIndex } from '../../archive/read/pack-index.ts'
import type { Faults } from './faults.ts'
import type { Listing } from './list-objects.ts'

/** Bytes of hashes of the indexes kept at hand. */
const mostIndexBytes = 16 * 1024 * 1024
/** What an indexed blob takes beside its hashes, about. */
const blobBytes = 300

export class PlaceComparison {
  readonly #context: ArchiveContext
  readonly #listing: Listing
  readonly #faults: Faults
  readonly #done = new Set<string>()
  readonly #indexes = new Map<PackId, { blobs: IndexedBlob[] | undefined; bytes: number }>()
  #bytes = 0

  constructor(context: ArchiveContext, listing: Listing, faults: Faults) {
    this.#context = context
    this.#listing = listing
    this.#faults = faults
  }

  /** Compares the layers of a snapshot that were not compared before. Adds map_damaged, naming the pack of the table. */
  async compare(manifest: Manifest, check: () => void): Promise<void> {
    for (const { layers } of manifest.databases)
      for (const layer of layers) await this.#layer(layer, blobKind.map, check)
    for (const layer of manifest.files.layers) await this.#layer(layer, blobKind.files, check)
    for (const layer of manifest.forgotten.layers) await this.#layer(layer, blobKind.forgotten, check)
  }

  async #layer(layer: Layer, kind: LayerKind, check: () => void): Promise<void> {
    const key = `${layer.pack} ${layer.ordinal}`
    if (this.#done.has(key)) return
    this.#done.add(key)
    try {
      const root = rootPlace(layer)
      await this.#expect(root, blobKind.root, undefined, packName(root.pack.id))
      for (const blob of await readRoot(this.#context, layer, kind)) {
        check()
        await this.#expect(blob.place, kind, undefined, packName(root.pack.id))
        if (kind === blobKind.map)
          await this.#pages(await readPageMap(this.#context, blob), packName(blob.place.pack.id))
        if (kind === blobKind.files) await this.#files(blob.place)
      }
    } catch (error) {
      // A table that does not open was told when the snapshot was resolved.
      if (!isDamage(error)) throw error
      this.#faults.caught(error)
    }
  }

  async #pages(
    { places, rows, indexes, hashes }: Awaited<ReturnType<typeof readPageMap>>,
    table: string,
  ): Promise<void> {
    const found: (IndexedBlob | undefined)[] = []
    for (const place of places) found.push(await this.#expect(place, blobKind.pages, undefined, table))
    rows.forEach((row, i) => {
      const blob = found[row]
      const at = (indexes[i] ?? 0) * pageHashBytes
      if (
        blob &&
        blob.hashes.compare(
          hashes,
          i * pageHashBytes,
          (i + 1) * pageHashBytes,
          at,
          Math.min(at + pageHashBytes, blob.hashes.length),
        ) !== 0
      )
        this.#faults.add('map_damaged', table, { reason: 'a page is not where the map says' })
    })
  }

  async #files(place: Place): Promise<void> {
    const table = packName(place.pack.id)
    const plain = await readBlob(this.#context, place, blobKind.files)
    const entries = decodeFileList(plain, place.pack)
    for (;;) {
      const next = intact(table, () => entries.next())
      if (next.done) return
      if ('removed' in next.value) continue
      for (const piece of next.value.pieces) await this.#expect(piece.place, blobKind.piece, piece.hash, table)
    }
  }

  /** The indexed blob at a place; undefined if its pack is gone (then nothing needs it, or that is told) or it differs. */
  async #expect(
    place: Place,
    kind: BlobKind,
    hash: Buffer | undefined,
    table: string,
  ): Promise<IndexedBlob | undefined> {
    const blobs = await this.#index(place.pack.id)
    if (!blobs) return undefined
    const blob = blobs[place.ordinal]
    const same =
      blob &&
      blob.kind === kind &&
      blob.offset === place.offset &&
      blob.length === place.length &&
      blob.compressed === place.compressed
    if (same && (!hash || (hash.length === hashBytes && blob.hashes.equals(hash)))) return blob
    this.#faults.add('map_damaged', table, {
      pack: packName(place.pack.id),
      reason: 'a blob is not where the table says',
    })
    return undefined
  }

  async #index(id: PackId): Promise<IndexedBlob[] | undefined> {
    const known = this.#indexes.get(id)
    if (known) {
      this.#indexes.delete(id)
      this.#indexes.set(id, known)
      return known.blobs
    }
    const size = this.#listing.packs.get(id)
    const blobs = size === undefined ? undefined : await this.#fetch(id, size)
    const bytes = blobs?.reduce((sum, { hashes }) => sum + hashes.length + blobBytes, 0) ?? blobBytes
    this.#indexes.set(id, { blobs, bytes })
    this.#bytes += bytes
    for (const [oldest, entry] of this.#indexes) {
      if (this.#bytes <= mostIndexBytes || oldest === id) break
      this.#indexes.delete(oldest)
      this.#bytes -= entry.bytes
    }
    return blobs
  }

  async #fetch(id: PackId, size: number): Promise<IndexedBlob[] | undefined> {
    try {
      return await fetchIndex(this.#context, id, size)
    } catch (error) {
      if (!isDamage(error)) throw error
      // Reading the packs has told it.
      return undefined
    }
  }
}
