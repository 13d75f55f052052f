/**
 * Where a page or piece with a given hash already lies: everything this computer has committed or journalled. It makes
 * an interrupted backup resume for free and lets moved pages be found again.
 */
import type { Statement } from 'better-sqlite3'
import type { Placed } from '../blob.ts'
import { packIdFrom } from '../names.ts'
import type { PackRef, Place } from '../places.ts'
import { hashBytes, pageHashBytes } from '../limits.ts'
import type { LocalCache } from './cache.ts'

/** A page's place: the row of its blob and its index there. */
export interface PagePlace {
  blob: number
  index: number
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
  private readonly findPage: Statement<[Buffer], { blob: number; place: number }>
  private readonly findPieceRow: Statement<[Buffer], { blob: number }>
  private readonly addPage: Statement<[Buffer, number, number]>
  private readonly addPiece: Statement<[Buffer, number]>
  private readonly addBlob: Statement<[number, number, number, number, number, number]>
  private readonly blobRow: Statement<[number], BlobRow>
  private nextBlob: number
  private readonly packs = new Map<string, PackRef>()

  constructor(cache: LocalCache) {
    const { db } = (this.cache = cache)
    this.findPage = db.prepare('select blob, place from pages where hash = ?')
    this.findPieceRow = db.prepare('select blob from pieces where hash = ?')
    this.addPage = db.prepare('replace into pages values (?, ?, ?)')
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
    return row && { blob: row.blob, index: row.place }
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
  /** Adds pages; sorted first, since a B-tree takes neighbours several times faster than strangers. */
  addPages(pages: { hash: Buffer; blob: number; index: number }[]): void {
    pages.sort((a, b) => Buffer.compare(a.hash, b.hash))
    for (const { hash, blob, index } of pages) this.addPage.run(hash, blob, index)
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
        'delete from pages where blob in lost; delete from pieces where blob in lost; delete from blobs where id in lost',
      )
      for (const row of rows) db.prepare('delete from packs where id = ?').run(row)
    })
    this.packs.clear()
  }
}

/** Splits a row of hashes as an index carries them. */
export function splitHashes(hashes: Buffer, of: 'pages' | 'pieces'): Buffer[] {
  const size = of === 'pages' ? pageHashBytes : hashBytes
  return Array.from({ length: hashes.length / size }, (_, i) => hashes.subarray(i * size, (i + 1) * size))
}
