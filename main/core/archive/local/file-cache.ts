/**
 * The mirrored list of files, and what this backup found to be different. A file is known by path, size and time; its
 * pieces are rows of 36 bytes: blob row (u32), hash (32).
 */
import type { Statement } from 'better-sqlite3'
import { hashBytes } from '../format/limits.ts'
import type { LocalCache } from './cache.ts'

export const pieceRowBytes = 4 + hashBytes

export interface CachedFile {
  path: Buffer
  size: number
  /** Nanoseconds since 1970. */
  modified: bigint
  digest: Buffer
  /** Rows of 36 bytes. */
  pieces: Buffer
}

interface KnownRow {
  id: bigint
  size: bigint
  modified: bigint
}

export class FileCache {
  private readonly cache: LocalCache
  private readonly find: Statement<[Buffer], KnownRow>
  private readonly isPending: Statement<[Buffer]>
  private readonly put: Statement<[Buffer, number | null, bigint | null, Buffer | null, Buffer | null]>
  /** One bit a mirrored file: whether it is still there. An eighth of a megabyte for a million files. */
  private seen = new Uint8Array(1024)
  private waiting: CachedFile[] = []
  private readonly mirrorRow: Statement<[Buffer, number, bigint, Buffer, Buffer]>

  constructor(cache: LocalCache) {
    this.cache = cache
    this.find = cache.db
      .prepare<[Buffer], KnownRow>('select id, size, modified from files where path = ?')
      .safeIntegers()
    this.isPending = cache.db.prepare('select 1 from pending_files where path = ? and size is not null')
    this.put = cache.db.prepare('replace into pending_files values (?, ?, ?, ?, ?)')
    this.mirrorRow = cache.db.prepare(
      'replace into files (path, size, modified, digest, pieces) values (?, ?, ?, ?, ?)',
    )
  }

  /** Forgets what an earlier, unfinished backup found. */
  begin(): void {
    this.cache.db.exec('delete from pending_files')
    this.seen = new Uint8Array(1024)
    this.waiting = []
  }

  /** How a file that was found compares to the mirrored one; it counts as still there. */
  see(path: Buffer, size: bigint, modified: bigint): 'new' | 'changed' | 'unchanged' {
    const row = this.find.get(path)
    if (!row) return 'new'
    this.mark(Number(row.id))
    return row.size === size && row.modified === modified ? 'unchanged' : 'changed'
  }

  /**
   * What is known at a path and below it counts as still there, because it cannot be looked at; returns how many files
   * that is. Those whose bytes were lost do not: there is nothing left of them to keep.
   */
  keep(path: Buffer): number {
    const page = this.cache.db.prepare<[Buffer, Buffer], { id: number; path: Buffer; size: number }>(
      'select id, path, size from files where path > ? and path < ? order by path limit 1000',
    )
    const exact = this.find.get(path)
    if (exact && exact.size >= 0n) this.mark(Number(exact.id))
    let kept = exact && exact.size >= 0n ? 1 : 0
    // '0' is the byte after '/'.
    const [end, begin] = [Buffer.concat([path, Buffer.from('0')]), Buffer.concat([path, Buffer.from('/')])]
    for (let last: Buffer = begin, rows = page.all(last, end); rows.length > 0; rows = page.all(last, end))
      for (const row of rows) {
        last = row.path
        if (row.size < 0) continue
        this.mark(row.id)
        kept++
      }
    return kept
  }

  /** Whether a path is in the snapshot being made. */
  has(path: Buffer): boolean {
    const row = this.find.get(path)
    if (row && this.isMarked(Number(row.id))) return true
    return this.isPending.get(path) !== undefined
  }

  /** Takes a file into the snapshot being made; written in batches, so call \`flush\` before reading any back. */
  set(file: CachedFile): void {
    this.waiting.push(file)
    if (this.waiting.length >= 256) this.flush()
  }
  flush(): void {
    this.cache.write(() => {
      for (const file of this.waiting) this.put.run(file.path, file.size, file.modified, file.digest, file.pieces)
    })
    this.waiting = []
  }

  /** Takes a file whose earlier bytes were lost out of the snapshot being made. */
  removeIfLost(path: Buffer): void {
    const row = this.find.get(path)
    if (row && row.size < 0n) this.cache.write(() => this.put.run(path, null, null, null, null))
  }

  /** Records every mirrored file that was not seen as removed; returns how many. Streams in the order of rows. */
  removeUnseen(): number {
    const page = this.cache.db.prepare<[number], { id: number; path: Buffer }>(
      'select id, path from files where id > ? order by id limit 1000',
    )
    let removed = 0
    let last = 0
    for (let rows = page.all(last); rows.length > 0; rows = page.all(last)) {
      last = rows.at(-1)?.id ?? last
      const gone = rows.filter(({ id }) => !this.isMarked(id))
      if (gone.length > 0)
        this.cache.write(() => gone.forEach(({ path }) => this.put.run(path, null, null, null, null)))
      removed += gone.length
    }
    return removed
  }

  /** What this backup changed, sorted by path; removed files have no size. */
  *pending(): Generator<CachedFile | { path: Buffer; removed: true }, void, undefined> {
    // Page by page: the journal is written between them, which an open query would forbid.
    const page = this.cache.db
      .prepare<[Buffer], { path: Buffer; size: bigint | null; modified: bigint; digest: Buffer; pieces: Buffer }>(
        'select * from pending_files where path > ? order by path limit 500',
      )
      .safeIntegers()
    for (let rows = page.all(Buffer.alloc(0)); rows.length > 0; rows = page.all(rows.at(-1)?.path ?? Buffer.alloc(0)))
      for (const row of rows) {
        if (row.size === null) yield { path: row.path, removed: true }
        else yield { ...row, size: Number(row.size) }
      }
  }
  pendingCount(): number {
    return this.cache.db.prepare<[], { n: number }>('select count(*) as n from pending_files').get()?.n ?? 0
  }

  /** Every file of the snapshot being made, sorted by path. */
  *all(): Generator<CachedFile, void, undefined> {
    const page = this.cache.db
      .prepare<[Buffer, Buffer], { path: Buffer; size: bigint; modified: bigint; digest: Buffer; pieces: Buffer }>(
        `select path, size, modified, digest, pieces from files
           where path > ? and not exists (select 1 from pending_files p where p.path = files.path)
         union all select path, size, modified, digest, pieces from pending_files where path > ? and size is not null
         order by path limit 2000`,
      )
      .safeIntegers()
    for (let last: Buffer = Buffer.alloc(0), rows = page.all(last, last); rows.length > 0; rows = page.all(last, last))
      for (const row of rows) {
        last = row.path
        yield { ...row, size: Number(row.size) }
      }
  }

  /** Makes every file with a piece in these blobs count as changed: its bytes are lost and must be read again. */
  distrust(lost: ReadonlySet<number>): void {
    this.repoint(lost, () => undefined)
  }
  /** Gives every piece that lies in these blobs its new one; a file with a piece that has none counts as changed. */
  repoint(moved: { has(blob: number): boolean }, find: (blob: number) => number | undefined): void {
    const { db } = this.cache
    const page = db.prepare<[number], { id: number; pieces: Buffer }>(
      'select id, pieces from files where id > ? order by id limit 1000',
    )
    const forget = db.prepare('update files set size = -1 where id = ?')
    const replace = db.prepare('update files set pieces = ? where id = ?')
    for (let rows = page.all(0); rows.length > 0; rows = page.all(rows.at(-1)?.id ?? 0))
      this.cache.write(() => {
        for (const { id, pieces } of rows) {
          const touched = pieceRows(pieces).flatMap(({ blob }, i) => (moved.has(blob) ? [{ i, blob: find(blob) }] : []))
          if (touched.length === 0) continue
          if (touched.some(({ blob }) => blob === undefined)) forget.run(id)
          else {
            for (const { i, blob } of touched) pieces.writeUInt32LE(blob ?? 0, i * pieceRowBytes)
            replace.run(pieces, id)
          }
        }
      })
  }

  /** Makes what was found the mirrored list. Call within the transaction that sets the label. */
  commit(): void {
    this.cache.db.exec(`
      delete from files where path in (select path from pending_files where size is null);
      insert into files (path, size, modified, digest, pieces) select path, size, modified, digest, pieces from pending_files where size is not null
        on conflict (path) do update set size = excluded.size, modified = excluded.modified, digest = excluded.digest, pieces = excluded.pieces;
      delete from pending_files`)
  }

  /** Mirrors a file at once: for rebuilding. */
  mirror(file: CachedFile): void {
    this.mirrorRow.run(file.path, file.size, file.modified, file.digest, file.pieces)
  }

  private mark(id: number): void {
    const at = id >> 3
    if (at >= this.seen.length) {
      const larger = new Uint8Array(Math.max(this.seen.length * 2, at + 1))
      larger.set(this.seen)
      this.seen = larger
    }
    this.seen[at] = (this.seen[at] ?? 0) | (1 << (id & 7))
  }
  private isMarked(id: number): boolean {
    return ((this.seen[id >> 3] ?? 0) & (1 << (id & 7))) !== 0
  }
}

/** The rows of a file's pieces, taken apart. */
export function pieceRows(pieces: Buffer): { blob: number; hash: Buffer }[] {
  return Array.from({ length: pieces.length / pieceRowBytes }, (_, i) => ({
    blob: pieces.readUInt32LE(i * pieceRowBytes),
    hash: pieces.subarray(i * pieceRowBytes + 4, (i + 1) * pieceRowBytes),
  }))
}
