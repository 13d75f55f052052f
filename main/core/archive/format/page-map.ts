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

/** A decoded blob of a map, by columns: reading a page allocates nothing. */
export interface PageMapBlob {
  places: Place[]
  pages: Uint32Array
  rows: Uint32Array
  indexes: Uint16Array
  /** 16 bytes a page. */
  hashes: Buffer
}

/** Encodes up to 65,536 entries sorted by page. */
export function encodePageMap(entries: readonly PageEntry[]): Buffer {
  const places = new Map<Place, number>()
  const rows = Uint32Array.from(entries, ({ place }) => {
    const row = places.get(place) ?? places.size
    places.set(place, row)
    return row
  })
  const hashes = Buffer.allocUnsafe(entries.length * pageHashBytes)
  entries.forEach(({ hash }, i) => hash.copy(hashes, i * pageHashBytes, 0, pageHashBytes))
  const pages = Uint32Array.from(entries, ({ page }) => page)
  const indexes = Uint16Array.from(entries, ({ index }) => index)
  return encodePageColumns({ places: [...places.keys()], pages, rows, indexes, hashes })
}

/** The same from columns. Two places may be the same blob; those that no page names are left out. */
export function encodePageColumns({ places, pages, rows, indexes, hashes }: PageMapBlob): Buffer {
  const count = pages.length
  if (count > maxLayerEntries) throw new Error('too many entries for one blob')
  const table = new PlaceTable()
  const known = new Map<number, number>()
  const rowOf = (row: number): number => {
    let written = known.get(row)
    if (written === undefined) {
      const place = places[row]
      if (!place) throw new Error('a page without its place')
      known.set(row, (written = table.row(place)))
    }
    return written
  }
  const columns = Buffer.allocUnsafe(count * (4 + 4 + 2))
  for (let i = 0; i < count; i++) {
    columns.writeUInt32LE(pages[i] ?? 0, i * 4)
    columns.writeUInt32LE(rowOf(rows[i] ?? 0), count * 4 + i * 4)
    columns.writeUInt16LE(indexes[i] ?? 0, count * 8 + i * 2)
  }
  const out = new ByteWriter()
  table.write(out)
  return out
    .u32(count)
    .raw(columns)
    .raw(hashes.subarray(0, count * pageHashBytes))
    .done()
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
