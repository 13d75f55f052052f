/**
 * Writing layers: their blobs and roots go into packs of their own, after the packs they speak of have landed.
 */
import { blobKind, type BlobKind } from '../format/blob.ts'
import type { ArchiveContext } from '../context.ts'
import type { FileEntry, ListEntry } from '../format/file-list.ts'
import { FileListBuilder } from '../format/file-list.ts'
import { encodeRoot, type LayerBlob, type LayerKind } from '../format/layer-root.ts'
import { maxLayerEntries } from '../format/limits.ts'
import type { Layer } from '../format/manifest.ts'
import type { PackId } from '../format/names.ts'
import { PackBuilder, packCapacity } from '../format/pack.ts'
import { encodePageMap, type PageEntry } from '../format/page-map.ts'
import type { PackRef, Place } from '../format/places.ts'
import { u32 } from '../format/bytes.ts'

/** A layer whose pack is not finished yet; becomes a manifest's Layer by `finished`. */
export interface WrittenLayer {
  root: Place
  entries: number
  /** The packs in which its blobs lie. */
  packs: ReadonlySet<PackRef>
}

/** One blob of a layer: encoded and yet to be written, or one that stays where it is. */
export type LayerPart = LayerBlob | { plain: Buffer; entries: number; first: Buffer; last: Buffer }

export class TableWriter {
  private readonly context: ArchiveContext
  private readonly nextPack: () => PackId
  private readonly upload: (id: PackId, bytes: Buffer) => Promise<void>
  private pack: { builder: PackBuilder; ref: PackRef } | undefined
  private buffer: ArrayBufferLike | undefined
  /** Every pack written, for checking that they are there before the manifest. */
  readonly packs: PackRef[] = []

  constructor(context: ArchiveContext, nextPack: () => PackId, upload: (id: PackId, bytes: Buffer) => Promise<void>) {
    this.context = context
    this.nextPack = nextPack
    this.upload = upload
  }

  /** A buffer of packCapacity bytes that nobody needs any more; without one it makes its own. */
  lend(buffer: ArrayBufferLike | undefined): void {
    this.buffer ??= buffer
  }

  /** Writes a page map layer from entries sorted by page; undefined when there are none. */
  async pageLayer(entries: AsyncIterable<PageEntry> | Iterable<PageEntry>): Promise<WrittenLayer | undefined> {
    const blobs: LayerBlob[] = []
    let batch: PageEntry[] = []
    const flush = async () => {
      const [first, last] = [batch[0], batch.at(-1)]
      if (!first || !last) return
      const place = await this.add(blobKind.map, encodePageMap(batch))
      blobs.push({ place, entries: batch.length, first: u32(first.page), last: u32(last.page) })
      batch = []
    }
    for await (const entry of entries) {
      batch.push(entry)
      if (batch.length === maxLayerEntries) await flush()
    }
    await flush()
    return this.root(blobKind.map, blobs)
  }

  /** Writes a file list layer from entries sorted by path; undefined when there are none. */
  async fileLayer(
    entries: AsyncIterable<ListEntry> | Iterable<ListEntry | FileEntry>,
  ): Promise<WrittenLayer | undefined> {
    const blobs: LayerBlob[] = []
    let builder = new FileListBuilder()
    const flush = async () => {
      const { first, last } = builder
      if (!first || !last) return
      const place = await this.add(blobKind.files, builder.encode())
      blobs.push({ place, entries: builder.entryCount, first, last })
      builder = new FileListBuilder()
    }
    for await (const entry of entries) {
      if (builder.add(entry, maxLayerEntries)) continue
      await flush()
      builder.add(entry, maxLayerEntries)
    }
    await flush()
    return this.root(blobKind.files, blobs)
  }

  /** Writes a layer from its blobs, in the order of their keys; undefined when there are none. */
  async layer(
    kind: LayerKind,
    parts: AsyncIterable<LayerPart> | Iterable<LayerPart>,
  ): Promise<WrittenLayer | undefined> {
    const blobs: LayerBlob[] = []
    for await (const part of parts) {
      if ('place' in part) blobs.push(part)
      else
        blobs.push({
          place: await this.add(kind, part.plain),
          entries: part.entries,
          first: part.first,
          last: part.last,
        })
    }
    return this.root(kind, blobs)
  }

  /** Finishes and uploads the pack begun. Only then do the layers know the size of the pack they lie in. */
  async finish(): Promise<void> {
    const { pack } = this
    if (!pack) return
    this.pack = undefined
    const { buffer, length } = pack.builder.finish()
    await this.upload(pack.builder.id, Buffer.from(buffer, 0, length))
    pack.ref.size = length
    this.packs.push(pack.ref)
    this.buffer = buffer
  }

  private async root(kind: LayerKind, blobs: LayerBlob[]): Promise<WrittenLayer | undefined> {
    if (blobs.length === 0) return undefined
    // Room first: encoding must know which pack the root will lie in, since that one's size is not known yet.
    if (this.pack?.builder.full) await this.finish()
    const root = await this.add(blobKind.root, encodeRoot(kind, blobs))
    return {
      root,
      entries: blobs.reduce((sum, blob) => sum + blob.entries, 0),
      packs: new Set(blobs.map(({ place }) => place.pack)),
    }
  }

  private async add(kind: BlobKind, plain: Buffer): Promise<Place> {
    if (this.pack?.builder.full) await this.finish()
    this.pack ??= this.begin()
    const placed = this.pack.builder.add(kind, plain, new Uint8Array())
    return { ...placed, pack: this.pack.ref }
  }

  private begin(): { builder: PackBuilder; ref: PackRef } {
    const id = this.nextPack()
    const buffer = this.buffer ?? new ArrayBuffer(packCapacity)
    this.buffer = undefined
    return { builder: new PackBuilder(this.context.archive, id, this.context.keys.blobs, buffer), ref: { id, size: 0 } }
  }
}

/** The manifest's description of a layer, once its pack is finished. */
export function finished({ root, entries }: WrittenLayer): Layer {
  if (root.pack.size === 0) throw new Error('the pack of a layer is not finished')
  const { pack, ordinal, offset, length, compressed } = root
  return { pack: pack.id, size: pack.size, ordinal, offset, length, compressed, entries }
}
