/**
 * What the snapshots that stay need, on disk: every blob that is alive and, of a run of pages, which of them. It grows
 * with the store and therefore not in memory; a hundred gigabytes of pages take some 30 MB. Made anew by each forget.
 */
import Database, { type Statement } from 'better-sqlite3'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { blobKind, type BlobKind } from '../format/blob.ts'
import { localFailure } from '../local/cache.ts'
import { idBytes, type PackId, packIdFrom } from '../format/names.ts'
import type { PackRef, Place } from '../format/places.ts'

const schema = `
  -- Every pack that a table names, needed or not.
  create table packs (id integer primary key, pack blob not null unique, size integer not null);
  -- Blobs that are alive. pages: one bit for each that is; null where a blob is needed whole.
  create table blobs (id integer primary key, pack integer not null, ordinal integer not null, kind integer not null, start integer not null,
    length integer not null, compressed integer not null, page_size integer not null, pages blob, unique (pack, ordinal));
  -- Where layers lie themselves: their blobs by number, and -1 for the root.
  create table tables (layer text not null, blob integer not null, pack integer not null, length integer not null, primary key (layer, blob)) without rowid;
  -- The packs in which a layer's blob, or a page or piece it names, lies.
  create table names (layer text not null, blob integer not null, pack integer not null, primary key (layer, blob, pack)) without rowid;
  -- The pages, in chunks of 65,536, and the paths of layers that lie on others.
  create table chunks (layer integer not null, chunk integer not null, pages blob not null, primary key (layer, chunk)) without rowid;
  create table paths (path blob not null, layer integer not null, primary key (path, layer)) without rowid;
  -- Where what was alive in packs that go lies now: page or piece, and its new blob.
  create table targets (id integer primary key, pack integer not null, ordinal integer not null, start integer not null, length integer not null,
    compressed integer not null, known integer not null);
  create table moves (blob integer not null, page integer not null, target integer not null, place integer not null, primary key (blob, page)) without rowid;
`

/** A blob that is alive. */
export interface LiveBlob {
  id: number
  place: Place
  kind: BlobKind
  /** 0 unless it holds pages. */
  pageSize: number
  /** One bit a page; undefined when all of it is needed. */
  pages: Buffer | undefined
}

interface BlobRow {
  id: number
  ordinal: number
  kind: number
  start: number
  length: number
  compressed: number
  page_size: number
  pages: Buffer | null
}

export class LiveTable {
  readonly db: Database.Database
  private readonly file: string
  private readonly rows = new Map<PackId, number>()
  private readonly find: Statement<[number, number], { id: number; pages: Buffer | null }>
  private readonly add: Statement<[number, number, number, number, number, number, number, Buffer | null]>
  private readonly set: Statement<[Buffer, number]>
  private readonly addName: Statement<[string, number, number]>

  private constructor(file: string) {
    this.file = file
    this.db = new Database(file)
    // It is thrown away whatever happens: nothing in it needs to survive a crash.
    this.db.pragma('journal_mode = off')
    this.db.pragma('synchronous = off')
    this.db.pragma('locking_mode = exclusive')
    this.db.pragma('cache_size = -16384')
    this.db.exec(schema)
    this.find = this.db.prepare('select id, pages from blobs where pack = ? and ordinal = ?')
    this.add = this.db.prepare(
      'insert into blobs (pack, ordinal, kind, start, length, compressed, page_size, pages) values (?, ?, ?, ?, ?, ?, ?, ?)',
    )
    this.set = this.db.prepare('update blobs set pages = ? where id = ?')
    this.addName = this.db.prepare('insert or ignore into names values (?, ?, ?)')
  }

  /** An empty one in `folder`, whose cache the caller holds. Errors: local_full. */
  static open(folder: string): LiveTable {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const file = join(folder, 'forget.db')
    rmSync(file, { force: true })
    try {
      return new LiveTable(file)
    } catch (error) {
      throw localFailure(error)
    }
  }

  close(): void {
    this.db.close()
    rmSync(this.file, { force: true })
  }

  /** Runs `write` in one transaction. Errors: local_full. */
  write<T>(write: () => T): T {
    try {
      return this.db.transaction(write)()
    } catch (error) {
      throw localFailure(error)
    }
  }

  /** The row of a pack, added when it is new. */
  pack({ id, size }: PackRef): number {
    let row = this.rows.get(id)
    if (row === undefined) {
      row = Number(
        this.db.prepare('insert into packs (pack, size) values (?, ?)').run(idBytes(id), size).lastInsertRowid,
      )
      this.rows.set(id, row)
    }
    return row
  }
  /** Whether any table names this pack. */
  names(id: PackId): boolean {
    return this.rows.has(id)
  }

  /** All of a blob is needed. */
  needBlob(place: Place, kind: BlobKind): void {
    const pack = this.pack(place.pack)
    if (!this.find.get(pack, place.ordinal)) this.insert(pack, place, kind, 0, null)
  }

  /** Of a run of pages those are needed whose bit is set. */
  needPages(place: Place, pageSize: number, pages: Buffer): void {
    const pack = this.pack(place.pack)
    const known = this.find.get(pack, place.ordinal)
    if (!known) return this.insert(pack, place, blobKind.pages, pageSize, pages)
    const before = known.pages ?? Buffer.alloc(0)
    const [longer, shorter] = before.length >= pages.length ? [before, pages] : [Buffer.from(pages), before]
    shorter.forEach((byte, i) => (longer[i] = (longer[i] ?? 0) | byte))
    this.set.run(longer, known.id)
  }

  /** A layer (by its layerKey) has its root here, and its blobs there. */
  needLayer(layer: string, kind: BlobKind, root: Place, blobs: readonly Place[]): void {
    const addTable = this.db.prepare('insert or ignore into tables values (?, ?, ?, ?)')
    this.needBlob(root, blobKind.root)
    addTable.run(layer, -1, this.pack(root.pack), root.length)
    blobs.forEach((place, blob) => {
      this.needBlob(place, kind)
      addTable.run(layer, blob, this.pack(place.pack), place.length)
      this.nameIn(layer, blob, [place.pack])
    })
  }
  /** Blob number `blob` of a layer lies in these packs, or names live content there. */
  nameIn(layer: string, blob: number, packs: Iterable<PackRef>): void {
    for (const pack of packs) this.addName.run(layer, blob, this.pack(pack))
  }

  /** Packs in which something is alive, with the size that tables give them. */
  needed(): Map<PackId, PackRef> {
    const packs = this.db
      .prepare<[], { pack: Buffer; size: number }>('select pack, size from packs where id in (select pack from blobs)')
      .all()
    return new Map(packs.map(({ pack, size }) => [packIdFrom(pack), { id: packIdFrom(pack), size }]))
  }

  /** What is alive in a pack, in the order in which it lies there. */
  blobsOf(pack: PackRef): LiveBlob[] {
    return this.db
      .prepare<[number], BlobRow>('select * from blobs where pack = ? order by ordinal')
      .all(this.pack(pack))
      .map((row) => ({
        id: row.id,
        place: { pack, ordinal: row.ordinal, offset: row.start, length: row.length, compressed: row.compressed === 1 },
        // Written by needBlob and needPages alone.
        kind: row.kind as BlobKind,
        pageSize: row.page_size,
        pages: row.pages ?? undefined,
      }))
  }

  /** The numbers of a layer's blobs that lie in these packs or name live content there. */
  *blobsNaming(layer: string, packs: ReadonlySet<PackId>): Generator<number, void, undefined> {
    const rows = this.db
      .prepare<[string], { blob: number; pack: Buffer }>(
        'select n.blob, p.pack from names n join packs p on p.id = n.pack where n.layer = ?',
      )
      .all(layer)
    for (const { blob, pack } of rows) if (packs.has(packIdFrom(pack))) yield blob
  }

  /** Sealed bytes, by pack, of the tables that have to be written anew when these packs go. */
  tablesLost(going: Iterable<PackRef>): Map<PackId, number> {
    this.write(() => {
      this.db.exec('create temp table if not exists going (pack integer primary key); delete from going')
      const add = this.db.prepare('insert or ignore into going values (?)')
      for (const pack of going) add.run(this.pack(pack))
    })
    const rows = this.db
      .prepare<[], { pack: Buffer; bytes: number }>(
        `with touched as (select distinct layer, blob from names where pack in going)
         select p.pack, sum(t.length) as bytes from tables t join packs p on p.id = t.pack
         where (t.layer, t.blob) in touched or (t.blob = -1 and (t.pack in going or t.layer in (select layer from touched)))
         group by t.pack`,
      )
      .all()
    return new Map(rows.map(({ pack, bytes }) => [packIdFrom(pack), bytes]))
  }

  private insert(pack: number, place: Place, kind: BlobKind, pageSize: number, pages: Buffer | null): void {
    this.add.run(pack, place.ordinal, kind, place.offset, place.length, place.compressed ? 1 : 0, pageSize, pages)
  }
}

/** How many bits are set. */
export function countPages(pages: Buffer): number {
  let count = 0
  for (let byte of pages) for (; byte !== 0; byte &= byte - 1) count++
  return count
}
