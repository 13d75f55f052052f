/**
 * A pack: many blobs in one uploaded object (docs/FORMAT.md, "Packs").
 *
 *   blob 0 … blob n-1 | padding blob | sealed index | trailer (16 bytes)
 *
 * The index repeats kind, length and hashes of every blob, so that a pack which landed before its journal entry, or
 * whose owner lost this computer, still says what it holds.
 */
import { ByteReader, ByteWriter, Malformed } from './bytes.ts'
import { BlobLabel, blobKind, type BlobKind, giveBack, openBlob, type Placed, sealInto, shrink } from './blob.ts'
import {
  hashBytes,
  maxBlobPlain,
  maxBlobSealed,
  maxPack,
  packIndexTarget,
  packTarget,
  pageHashBytes,
  sealOverhead,
} from './limits.ts'
import type { ArchiveId, PackId } from './names.ts'
import { padme } from './padding.ts'

const magic = Buffer.from('cofferpk')
export const trailerBytes = 16

/** One blob as its pack's index tells it. */
export interface IndexedBlob extends Placed {
  kind: BlobKind
  /** The hashes of what it holds, one after the other: 16 bytes a page, 32 a piece, none for tables. */
  hashes: Buffer
}

/** Bytes to reserve for a pack that is being filled; only those written become resident. */
export const packCapacity = packTarget + maxBlobPlain + 4 * 1024 * 1024

/** Fills one pack in a buffer given by the caller. */
export class PackBuilder<B extends ArrayBufferLike = ArrayBufferLike> {
  readonly id: PackId
  private readonly buffer: B
  private readonly into: Buffer
  private readonly key: Uint8Array
  private readonly label: BlobLabel
  private readonly index = new ByteWriter()
  private at = 0
  private count = 0

  /** `buffer` has packCapacity bytes; `key` is the archive's blob key. */
  constructor(archive: ArchiveId, id: PackId, key: Uint8Array, buffer: B) {
    this.id = id
    this.buffer = buffer
    this.into = Buffer.from(buffer)
    this.key = key
    this.label = new BlobLabel(archive, id)
  }

  get empty(): boolean {
    return this.count === 0
  }
  get full(): boolean {
    return this.at >= packTarget || this.index.length >= packIndexTarget
  }
  /** Sealed bytes so far, without index and padding. */
  get length(): number {
    return this.at
  }

  /** Seals a blob of at most 4 MiB plain; `hashes` go to the index. */
  add(kind: BlobKind, plain: Buffer, hashes: Uint8Array): Placed {
    const { bytes, compressed } = shrink(kind, plain)
    const placed = this.put(kind, bytes, compressed, hashes)
    if (compressed) giveBack(bytes)
    return placed
  }

  /** Ends the pack: padding, index, trailer. Returns the buffer it was given and the pack's length in it. */
  finish(): { buffer: B; length: number } {
    const indexPlain = 4 + this.index.length + 10
    const rest = sealOverhead + (indexPlain + sealOverhead) + trailerBytes
    const padding = padme(this.at + rest) - (this.at + rest)
    // Zeros, sealed: nobody can tell them from messages, and a flipped bit in them is noticed like any other.
    this.put(blobKind.padding, Buffer.alloc(padding), false, new Uint8Array())
    const index = new ByteWriter().u32(this.count).raw(this.index.done()).done()
    const ordinal = this.count
    const length = sealInto(this.into, this.at, index, this.label.of(blobKind.index, ordinal, false), this.key)
    this.at += length
    magic.copy(this.into, this.at)
    this.into.writeUInt32LE(length, this.at + 8)
    this.into.writeUInt32LE(ordinal, this.at + 12)
    this.at += trailerBytes
    return { buffer: this.buffer, length: this.at }
  }

  private put(kind: BlobKind, bytes: Buffer, compressed: boolean, hashes: Uint8Array): Placed {
    const offset = this.at
    const ordinal = this.count++
    const length = sealInto(this.into, offset, bytes, this.label.of(kind, ordinal, compressed), this.key)
    this.at += length
    this.index
      .u8(kind)
      .u8(compressed ? 1 : 0)
      .u32(length)
      .u32(hashes.length)
      .raw(hashes)
    return { ordinal, offset, length, compressed }
  }
}

/** Reads the trailer (the pack's last 16 bytes): where the sealed index lies. Throws Malformed. */
export function readTrailer(trailer: Buffer, packSize: number): Placed {
  const reader = new ByteReader(trailer)
  if (!reader.take(8).equals(magic)) throw new Malformed('the trailer is not a pack’s')
  const length = reader.u32()
  const ordinal = reader.u32()
  reader.end()
  const offset = packSize - trailerBytes - length
  if (packSize > maxPack || length < sealOverhead || offset < 0)
    throw new Malformed('the trailer points outside the pack')
  return { ordinal, offset, length, compressed: false }
}

/**
 * Opens a pack's sealed index and returns its blobs in order, the padding included. Throws Malformed when it is not
 * this pack's or does not account for every byte before it.
 */
export function readIndex(
  sealed: Buffer,
  place: Placed,
  archive: ArchiveId,
  pack: PackId,
  key: Uint8Array,
): IndexedBlob[] {
  const label = new BlobLabel(archive, pack).of(blobKind.index, place.ordinal, false)
  const reader = new ByteReader(openBlob(sealed, label, false, key))
  const blobs: IndexedBlob[] = []
  let offset = 0
  for (let ordinal = 0, count = reader.count(10); ordinal < count; ordinal++) {
    const kind = reader.u8()
    const flag = reader.u8()
    const length = reader.u32()
    const hashes = reader.field(maxBlobPlain)
    if (flag > 1 || !isKind(kind)) throw new Malformed('the index names an unknown kind of blob')
    if (length < sealOverhead || length > maxBlobSealed)
      throw new Malformed('the index names a blob of an impossible length')
    const each = kind === blobKind.pages ? pageHashBytes : kind === blobKind.piece ? hashBytes : Infinity
    if (hashes.length % each !== 0 && hashes.length > 0) throw new Malformed('the index has a broken hash')
    blobs.push({ kind, ordinal, offset, length, compressed: flag === 1, hashes })
    offset += length
  }
  reader.end()
  if (offset !== place.offset || blobs.length !== place.ordinal) throw new Malformed('the index does not fit its pack')
  return blobs
}

function isKind(value: number): value is BlobKind {
  return Object.values<number>(blobKind).includes(value)
}
