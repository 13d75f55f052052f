/**
 * Where a page or piece with a given hash already lies: everything this computer has committed or journalled. It makes
 * an interrupted backup resume for free and lets moved pages be found again.
 */
import type { Statement } from 'better-sqlite3'
import type { Placed } from '../format/blob.ts'
import { packIdFrom } from '../format/names.ts'
import type { PackRef, Place } from '../format/places.ts'
import { hashBytes, pageHashBytes } from '../format/limits.ts'
import type { LocalCache } from './cache.ts'

/** A page's place: the row of its blob and its index there. */
export interface PagePlace {
  blob: number
  index: number
}

/** Pages by columns, so that a hundred thousand of them are three pieces of memory and not as many objects. */
export interface PageColumns {
  /** 16 bytes a page. */
  hashes: Buffer
  /** The row of each page's blob. */
  blobs: Uint32Array
  indexes: Uint16Array
}

interface BlobRow {
  pack: Buffer
  size: number
  ordinal: number
  start: number
  length: number
  compressed: number
}

export class HashIndex {
  private readonly cache: LocalCache
  private readonly findPage: Statement<[Buffer], { place: Buffer }>
  private readonly findPieceRow: Statement<[Buffer], { blob: number }>
  private readonly addPageRows: Statement<[{ count: number; hashes: Buffer; places: Buffer }]>
  private readonly addPiece: Statement<[Buffer, number]>
  private readonly addBlob: Statement<[number, number, number, number, number, number]>
  private readonly blobRow: Statement<[number], BlobRow>
  private nextBlob: number
  private readonly packs = new Map<string, PackRef>()

  constructor(cache: LocalCache) {
    const { db } = (this.cache = cache)
    this.findPage = db.prepare('select place from pages where hash = ?')
    this.findPieceRow = db.prepare('select blob from pieces where hash = ?')
    // The rows are cut out of the columns by SQLite itself: three times as fast as handing them over one by one.
    this.addPageRows = db.prepare(`
      with recursive row (at) as (select 0 union all select at + 1 from row where at + 1 < @count)
      replace into pages select substr(@hashes, at * 16 + 1, 16), substr(@places, at * 6 + 1, 6) from row`)
    db.function('blob_of', { deterministic: true }, (place: Buffer) => place.readUInt32LE(0))
    this.addPiece = db.prepare('replace into pieces values (?, ?)')
    this.addBlob = db.prepare('replace into blobs values (?, ?, ?, ?, ?, ?)')
    this.blobRow = db.prepare(
      'select p.pack, p.size, b.ordinal, b.start, b.length, b.compressed from blobs b join packs p on p.id = b.pack where b.id = ?',
    )
    this.nextBlob = (db.prepare<[], { last: number | null }>('select max(id) as last from blobs').get()?.last ?? 0) + 1
  }

  /** Whether there is any page to find at all; a first backup spares itself the asking. */
  get hasPages(): boolean {
    return this.cache.db.prepare('select 1 from pages limit 1').get() !== undefined
  }
  page(hash: Buffer): PagePlace | undefined {
    const row = this.findPage.get(hash)
    return row && { blob: row.place.readUInt32LE(0), index: row.place.readUInt16LE(4) }
  }
  /** The blob that holds this piece. */
  piece(hash: Buffer): number | undefined {
    return this.findPieceRow.get(hash)?.blob
  }

  /** A row number for a blob that was sealed but has not landed; `addBlobs` makes it known. */
  reserveBlob(): number {
    return this.nextBlob++
  }
  /** Adds a landed pack's blobs. Call within a transaction. */
  addBlobs(packRow: number, blobs: readonly { id: number; placed: Placed }[]): void {
    for (const { id, placed } of blobs)
      this.addBlob.run(id, packRow, placed.ordinal, placed.offset, placed.length, placed.compressed ? 1 : 0)
  }
  /** Adds pages; nearly sorted first, since a B-tree takes neighbours several times faster than strangers. */
  addPages({ hashes, blobs, indexes }: PageColumns): void {
    const count = hashes.length / pageHashBytes
    if (count === 0) return
    const sorted = { count, hashes: Buffer.allocUnsafe(hashes.length), places: Buffer.allocUnsafe(count * 6) }
    byFirstBytes(hashes).forEach((from, to) => {
      hashes.copy(sorted.hashes, to * pageHashBytes, from * pageHashBytes, (from + 1) * pageHashBytes)
      sorted.places.writeUInt32LE(blobs[from] ?? 0, to * 6)
      sorted.places.writeUInt16LE(indexes[from] ?? 0, to * 6 + 4)
    })
    this.addPageRows.run(sorted)
  }
  addPieces(pieces: { hash: Buffer; blob: number }[]): void {
    pieces.sort((a, b) => Buffer.compare(a.hash, b.hash))
    for (const { hash, blob } of pieces) this.addPiece.run(hash, blob)
  }

  /** Where a blob lies; undefined when its row is gone. */
  placeOf(blob: number): Place | undefined {
    const row = this.blobRow.get(blob)
    if (!row) return undefined
    const key = row.pack.toString('latin1')
    let pack = this.packs.get(key)
    if (!pack || pack.size !== row.size) this.packs.set(key, (pack = { id: packIdFrom(row.pack), size: row.size }))
    return { pack, ordinal: row.ordinal, offset: row.start, length: row.length, compressed: row.compressed === 1 }
  }

  /** Row of the blob at this place, added when it is new. */
  blobAt(packRow: number, placed: Placed): number {
    const known = this.cache.db
      .prepare<[number, number], { id: number }>('select id from blobs where pack = ? and ordinal = ?')
      .get(packRow, placed.ordinal)
    if (known) return known.id
    const id = this.reserveBlob()
    this.addBlobs(packRow, [{ id, placed }])
    return id
  }

  /** Forgets everything that lies in these packs. Reads the whole index: for the rare day on which a pack is lost. */
  dropPacks(rows: readonly number[]): void {
    const { db } = this.cache
    this.cache.write(() => {
      db.exec('create temp table if not exists lost (blob integer primary key)')
      db.exec('delete from lost')
      for (const row of rows) db.prepare('insert into lost select id from blobs where pack = ?').run(row)
      db.exec(
        'delete from pages where blob_of(place) in lost; delete from pieces where blob in lost; delete from blobs where id in lost',
      )
      for (const row of rows) db.prepare('delete from packs where id = ?').run(row)
    })
    this.packs.clear()
  }
}

/** The pages of whole blobs: `hashes` are those of the pages it holds, in order. */
export function pagesOfBlobs(blobs: readonly { blob: number; hashes: Buffer }[]): PageColumns {
  const hashes = Buffer.concat(blobs.map((it) => it.hashes))
  const columns = {
    hashes,
    blobs: new Uint32Array(hashes.length / pageHashBytes),
    indexes: new Uint16Array(hashes.length / pageHashBytes),
  }
  let at = 0
  for (const it of blobs)
    for (let index = 0; index * pageHashBytes < it.hashes.length; index++, at++) {
      columns.blobs[at] = it.blob
      columns.indexes[at] = index
    }
  return columns
}

/** The hashes' numbers in the order of their first two bytes: one pass that counts and one that places. */
function byFirstBytes(hashes: Buffer): Uint32Array {
  const count = hashes.length / pageHashBytes
  const next = new Uint32Array(65_537)
  const first = (at: number) => hashes.readUInt16BE(at * pageHashBytes)
  for (let at = 0; at < count; at++) next[first(at) + 1] = (next[first(at) + 1] ?? 0) + 1
  for (let value = 1; value < next.length; value++) next[value] = (next[value] ?? 0) + (next[value - 1] ?? 0)
  const order = new Uint32Array(count)
  for (let at = 0; at < count; at++) {
    const place = next[first(at)] ?? 0
    order[place] = at
    next[first(at)] = place + 1
  }
  return order
}

/** Splits a row of hashes as an index carries them. */
export function splitHashes(hashes: Buffer, of: 'pages' | 'pieces'): Buffer[] {
  const size = of === 'pages' ? pageHashBytes : hashBytes
  return Array.from({ length: hashes.length / size }, (_, i) => hashes.subarray(i * size, (i + 1) * size))
}
