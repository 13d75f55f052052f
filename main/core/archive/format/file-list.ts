/**
 * One blob of a file list layer: paths with their pieces, sorted by path bytes (docs/FORMAT.md, "File list").
 * A path that was removed is an entry too: it hides the one in an older layer.
 */
import { ByteReader, ByteWriter, Malformed } from './bytes.ts'
import { hashBytes, maxBlobPlain, maxPath, maxPieces } from './limits.ts'
import { type PackRef, type Place, PlaceTable, readPlaces } from './places.ts'

/** One piece of a file: at most 4 MiB; all but the last exactly that. */
export interface Piece {
  hash: Buffer
  place: Place
}

/** A file as its snapshot knew it. */
export interface FileEntry {
  /** Raw bytes, `/`-separated, never normalised. */
  path: Buffer
  /** Bytes. */
  size: number
  /** Nanoseconds since 1970; may be negative. */
  modified: bigint
  digest: Buffer
  pieces: Piece[]
}
export interface RemovedEntry {
  path: Buffer
  removed: true
}
export type ListEntry = FileEntry | RemovedEntry

/** The field that a file adds to its list's digest: everything that makes it this file. */
export function fileListField({
  path,
  size,
  modified,
  digest,
}: Pick<FileEntry, 'path' | 'size' | 'modified' | 'digest'>): Buffer {
  const bytes = Buffer.allocUnsafe(4 + path.length + 8 + 8 + hashBytes)
  let at = bytes.writeUInt32LE(path.length)
  at += path.copy(bytes, at)
  at = bytes.writeBigUInt64LE(BigInt(size), at)
  at = bytes.writeBigInt64LE(modified, at)
  digest.copy(bytes, at)
  return bytes
}

/** Gathers entries, sorted by path, until a blob is full. */
export class FileListBuilder {
  private table = new PlaceTable()
  private entries = new ByteWriter()
  private count = 0
  first: Buffer | undefined
  last: Buffer | undefined

  get empty(): boolean {
    return this.count === 0
  }
  get entryCount(): number {
    return this.count
  }

  /** False when the entry no longer fits: encode, then start anew. */
  add(entry: ListEntry, maxEntries: number): boolean {
    const pieces = 'removed' in entry ? 0 : entry.pieces.length
    // Each piece may add a row to both tables: 20 + 17 bytes; 36 in the entry itself.
    const most = entry.path.length + 64 + pieces * 80
    if (
      this.count > 0 &&
      (this.count >= maxEntries || this.table.length + this.entries.length + most > maxBlobPlain / 2)
    )
      return false
    this.entries.field(entry.path)
    if ('removed' in entry) this.entries.u8(0)
    else {
      this.entries.u8(1).u64(entry.size).i64(entry.modified).raw(entry.digest).u32(entry.pieces.length)
      for (const piece of entry.pieces) this.entries.u32(this.table.row(piece.place)).raw(piece.hash)
    }
    this.first ??= entry.path
    this.last = entry.path
    this.count++
    return true
  }

  encode(): Buffer {
    const out = new ByteWriter()
    this.table.write(out)
    return out.u32(this.count).raw(this.entries.done()).done()
  }
}

/**
 * The entries of a file list blob, one by one: a blob of many thousand is never held as objects. Throws Malformed
 * where it is not sorted, complete and within its own tables.
 */
export function* decodeFileList(plain: Buffer, self: PackRef): Generator<ListEntry, void, undefined> {
  const reader = new ByteReader(plain)
  const places = readPlaces(reader, self)
  let before: Buffer | undefined
  for (let i = 0, count = reader.count(5); i < count; i++) {
    const path = reader.field(maxPath)
    if (path.length === 0 || (before && Buffer.compare(before, path) >= 0))
      throw new Malformed('paths are not in order')
    before = path
    const type = reader.u8()
    if (type > 1) throw new Malformed('an unknown kind of entry')
    yield type === 0 ? { path, removed: true } : readFile(reader, path, places)
  }
  reader.end()
}

function readFile(reader: ByteReader, path: Buffer, places: Place[]): FileEntry {
  const size = reader.u64()
  const modified = reader.i64()
  const digest = reader.take(hashBytes)
  const count = reader.count(4 + hashBytes)
  if (count > maxPieces || count !== Math.ceil(size / maxBlobPlain))
    throw new Malformed('a file has the wrong number of pieces')
  const pieces: Piece[] = []
  for (let i = 0; i < count; i++) {
    const place = places[reader.u32()]
    if (!place) throw new Malformed('a piece names no blob')
    pieces.push({ place, hash: reader.take(hashBytes) })
  }
  return { path, size, modified, digest, pieces }
}
