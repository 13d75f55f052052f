/**
 * One blob of a page map layer: where some pages of a database are, and their hashes (docs/FORMAT.md, "Page map").
 * Columns rather than rows: hashes do not compress, page and blob numbers in order almost vanish.
 */
import { ByteReader, ByteWriter, Malformed } from './bytes.ts'
import { maxLayerEntries, pageHashBytes } from './limits.ts'
import { type PackRef, type Place, PlaceTable, readPlaces } from './places.ts'

/** A page: its number in the database from 0, its hash, its blob and its index among the blob's pages. */
export interface PageEntry {
  page: number
  hash: Buffer
  place: Place
  index: number
}

/** Encodes up to 65,536 entries sorted by page. */
export function encodePageMap(entries: readonly PageEntry[]): Buffer {
  if (entries.length > maxLayerEntries) throw new Error('too many entries for one blob')
  const table = new PlaceTable()
  const rows = entries.map((entry) => table.row(entry.place))
  const out = new ByteWriter()
  table.write(out)
  out.u32(entries.length)
  for (const entry of entries) out.u32(entry.page)
  for (const row of rows) out.u32(row)
  for (const entry of entries) out.raw(Buffer.from([entry.index & 255, entry.index >> 8]))
  for (const entry of entries) out.raw(entry.hash)
  return out.done()
}

/** A decoded blob of a map, by columns: reading a page allocates nothing. */
export interface PageMapBlob {
  places: Place[]
  pages: Uint32Array
  rows: Uint32Array
  indexes: Uint16Array
  /** 16 bytes a page. */
  hashes: Buffer
}

/** Decodes a map blob; throws Malformed unless sorted, complete and within its own tables. */
export function decodePageMap(plain: Buffer, self: PackRef): PageMapBlob {
  const reader = new ByteReader(plain)
  const places = readPlaces(reader, self)
  const count = reader.count(4 + 4 + 2 + pageHashBytes)
  if (count > maxLayerEntries) throw new Malformed('too many entries')
  const pages = new Uint32Array(count)
  const rows = new Uint32Array(count)
  const indexes = new Uint16Array(count)
  // By columns, so that each is read from one view instead of making one for every number.
  const pageColumn = reader.take(count * 4)
  for (let i = 0, before = -1; i < count; i++) {
    const page = (pages[i] = pageColumn.readUInt32LE(i * 4))
    if (page <= before) throw new Malformed('pages are not in order')
    before = page
  }
  const rowColumn = reader.take(count * 4)
  for (let i = 0; i < count; i++) {
    const row = (rows[i] = rowColumn.readUInt32LE(i * 4))
    if (row >= places.length) throw new Malformed('a page names no blob')
  }
  const packed = reader.take(count * 2)
  for (let i = 0; i < count; i++) indexes[i] = packed.readUInt16LE(i * 2)
  const hashes = reader.take(count * pageHashBytes)
  reader.end()
  return { places, pages, rows, indexes, hashes }
}
