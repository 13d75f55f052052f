/**
 * The mirrored page map of each database, in chunks of 4 MiB worth of pages, each page a row of 22 bytes: hash (16),
 * blob row (u32), index in the blob (u16). What a backup finds goes to pending chunks first and replaces the mirrored
 * ones only when its manifest is there.
 */
import { pageHashBytes } from '../format/limits.ts'
import type { LocalCache } from './cache.ts'
import type { PagePlace } from './hash-index.ts'

export const rowBytes = 22

/** Pages in a chunk: 4 MiB worth. */
export function chunkPages(pageSize: number): number {
  return (4 * 1024 * 1024) / pageSize
}

export class PageCache {
  private readonly cache: LocalCache
  constructor(cache: LocalCache) {
    this.cache = cache
  }

  /** Page size and count of a database as mirrored. */
  database(path: string): { pageSize: number; pages: number } | undefined {
    const row = this.cache.db
      .prepare<[string], { page_size: number; pages: number }>('select page_size, pages from databases where path = ?')
      .get(path)
    return row && { pageSize: row.page_size, pages: row.pages }
  }

  /** The mirrored rows of a chunk; shorter than a chunk at the end, undefined where there is none. */
  rows(path: string, chunk: number): Buffer | undefined {
    return this.read('maps', path, chunk)
  }
  /** The rows that this backup found for a chunk, or the mirrored ones where nothing changed. */
  newestRows(path: string, chunk: number): Buffer | undefined {
    return this.read('pending_maps', path, chunk) ?? this.read('maps', path, chunk)
  }
  putPending(path: string, chunk: number, rows: Buffer): void {
    this.cache.db.prepare('replace into pending_maps values (?, ?, ?)').run(path, chunk, rows)
  }
  /** Mirrors a chunk at once: for rebuilding. */
  put(path: string, chunk: number, rows: Buffer): void {
    this.cache.db.prepare('replace into maps values (?, ?, ?)').run(path, chunk, rows)
  }
  setDatabase(path: string, pageSize: number, pages: number): void {
    this.cache.db.prepare('replace into databases values (?, ?, ?)').run(path, pageSize, pages)
  }

  clearPending(): void {
    this.cache.db.exec('delete from pending_maps')
  }
  /** A database whose pages have another size, or that is gone, is not mirrored any more. */
  forget(path: string): void {
    this.cache.db.prepare('delete from maps where path = ?').run(path)
    this.cache.db.prepare('delete from databases where path = ?').run(path)
  }

  /** Makes every page that lies in these blobs count as changed: its bytes are lost and must be read again. */
  distrust(lost: ReadonlySet<number>): void {
    this.repoint(lost, () => undefined)
  }
  /** Gives every page that lies in these blobs its new place; one that has none counts as changed. */
  repoint(moved: { has(blob: number): boolean }, find: (blob: number, index: number) => PagePlace | undefined): void {
    const { db } = this.cache
    const chunks = db.prepare<[], { path: string; chunk: number }>('select path, chunk from maps').all()
    for (const { path, chunk } of chunks) {
      const rows = this.rows(path, chunk)
      if (!rows) continue
      let touched = false
      for (let at = 0; at < rows.length; at += rowBytes) {
        const blob = rows.readUInt32LE(at + pageHashBytes)
        if (!moved.has(blob)) continue
        const place = find(blob, rows.readUInt16LE(at + pageHashBytes + 4))
        // No page hashes to 16 zeros but by a chance of 2^-128.
        if (!place) rows.fill(0, at, at + rowBytes)
        else {
          rows.writeUInt32LE(place.blob, at + pageHashBytes)
          rows.writeUInt16LE(place.index, at + pageHashBytes + 4)
        }
        touched = true
      }
      if (touched) this.put(path, chunk, rows)
    }
  }

  /** Makes the pending chunks the mirrored ones. Call within the transaction that sets the label. */
  commit(databases: readonly { path: string; pageSize: number; pages: number }[]): void {
    const { db } = this.cache
    const kept = new Set(databases.map((it) => it.path))
    for (const { path } of db.prepare<[], { path: string }>('select path from databases').all())
      if (!kept.has(path)) this.forget(path)
    db.exec(
      'insert into maps select * from pending_maps where true on conflict do update set rows = excluded.rows; delete from pending_maps',
    )
    for (const { path, pageSize, pages } of databases) {
      const per = chunkPages(pageSize)
      const chunks = Math.ceil(pages / per)
      db.prepare('delete from maps where path = ? and chunk >= ?').run(path, chunks)
      // A database that shrank within its last chunk: pages that come back later must count as new.
      const last = pages - (chunks - 1) * per
      db.prepare('update maps set rows = substr(rows, 1, ?) where path = ? and chunk = ?').run(
        last * rowBytes,
        path,
        chunks - 1,
      )
      this.setDatabase(path, pageSize, pages)
    }
  }

  private read(table: 'maps' | 'pending_maps', path: string, chunk: number): Buffer | undefined {
    return this.cache.db
      .prepare<[string, number], { rows: Buffer }>(`select rows from ${table} where path = ? and chunk = ?`)
      .get(path, chunk)?.rows
  }
}
