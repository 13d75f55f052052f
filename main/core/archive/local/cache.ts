/**
 * This computer's own state of an archive: a cache of its newest snapshot, an index of everything sealed so far by
 * hash, and the journal of packs. All of it can be rebuilt from the destination; losing it costs time, never data, so
 * a damaged one is simply thrown away.
 *
 * One SQLite file, so that journal, index and cache move together. It is held exclusively while open: that is the
 * lock between two Coffers on one computer, and the system lets go of it when a process dies.
 */
import Database from 'better-sqlite3'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CofferError } from '../../../../contract/errors.ts'

const schema = `
  create table if not exists meta (key text primary key, value text not null) without rowid;
  -- state 0: the id is taken, its upload may have begun; 1: it landed.
  create table if not exists packs (id integer primary key, pack blob not null unique, size integer not null, state integer not null);
  create table if not exists blobs (id integer primary key, pack integer not null, ordinal integer not null, start integer not null,
    length integer not null, compressed integer not null, unique (pack, ordinal));
  -- place: the row of the blob (u32) and the index in it (u16), both little-endian.
  create table if not exists pages (hash blob primary key, place blob not null) without rowid;
  create table if not exists pieces (hash blob primary key, blob integer not null) without rowid;
  create table if not exists databases (path text primary key, page_size integer not null, pages integer not null) without rowid;
  create table if not exists maps (path text not null, chunk integer not null, rows blob not null, primary key (path, chunk)) without rowid;
  create table if not exists pending_maps (path text not null, chunk integer not null, rows blob not null, primary key (path, chunk)) without rowid;
  create table if not exists files (id integer primary key, path blob not null unique, size integer not null, modified integer not null,
    digest blob not null, pieces blob not null);
  create table if not exists pending_files (path blob primary key, size integer, modified integer, digest blob, pieces blob) without rowid;
  create table if not exists named_media (id integer primary key, path blob not null);
`
const version = 2

/** Which manifest the cache mirrors. */
export interface Label {
  identity: string
  revision: number
}

export class LocalCache {
  readonly db: Database.Database

  private constructor(db: Database.Database) {
    this.db = db
  }

  /** Opens the cache in `folder`, anew if it is damaged or of another version. Errors: archive_busy, local_full, home_failed. */
  static open(folder: string): LocalCache {
    const file = join(folder, 'cache.db')
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      return new LocalCache(openFile(file))
    } catch (error) {
      if (sqliteCode(error) === 'SQLITE_BUSY') throw new CofferError('archive_busy')
      if (!isDamaged(error) && !/^SQLITE_(MISMATCH|ERROR)/.test(sqliteCode(error))) throw localFailure(error)
      discard(file)
      return new LocalCache(openFile(file))
    }
  }

  /**
   * Lends the cache in `folder` to `work`. One that turns out to be damaged is thrown away, and the work is begun once
   * more with a new one. Errors: archive_busy, local_full, home_failed, and those of the work.
   */
  static async lend<T>(folder: string, work: (cache: LocalCache) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const cache = LocalCache.open(folder)
      try {
        return await work(cache)
      } catch (error) {
        if (attempt > 1 || !isDamaged(error))
          throw sqliteCode(error).startsWith('SQLITE_') ? localFailure(error) : error
      } finally {
        cache.close()
      }
      discard(join(folder, 'cache.db'))
    }
  }

  /** Runs `write` in one transaction. */
  write<T>(write: () => T): T {
    try {
      return this.db.transaction(write)()
    } catch (error) {
      throw localFailure(error)
    }
  }

  get label(): Label | undefined {
    const row = this.db.prepare<[], { value: string }>(`select value from meta where key = 'label'`).get()
    const [identity, revision] = row?.value.split(' ') ?? []
    return identity && revision ? { identity, revision: Number(revision) } : undefined
  }
  setLabel(label: Label | undefined): void {
    if (label) this.db.prepare(`replace into meta values ('label', ?)`).run(`${label.identity} ${label.revision}`)
    else this.db.prepare(`delete from meta where key = 'label'`).run()
  }

  /** A small note that goes with the label: which packs the layers of the cached snapshot lie in. */
  note(key: string): string | undefined {
    return this.db.prepare<[string], { value: string }>(`select value from meta where key = ?`).get(`note ${key}`)
      ?.value
  }
  setNote(key: string, value: string): void {
    this.db.prepare(`replace into meta values (?, ?)`).run(`note ${key}`, value)
  }

  /** Forgets the mirrored snapshot; what is known of packs and their contents stays, since packs never change. */
  clearMirror(): void {
    this.write(() => {
      this.db.exec(
        'delete from databases; delete from maps; delete from pending_maps; delete from files; delete from pending_files',
      )
      this.db.exec(`delete from meta where key like 'note %'`)
      this.setLabel(undefined)
    })
  }

  close(): void {
    this.db.close()
  }
}

function openFile(file: string): Database.Database {
  const db = new Database(file, { timeout: 0 })
  try {
    db.pragma('locking_mode = exclusive')
    db.pragma('journal_mode = wal')
    db.pragma('synchronous = normal')
    db.pragma('cache_size = -4096')
    db.pragma('temp_store = file')
    db.exec('begin exclusive; commit')
    const found = Number(db.pragma('user_version', { simple: true }))
    if (found !== 0 && found !== version) throw Object.assign(new Error('another version'), { code: 'SQLITE_MISMATCH' })
    db.exec(schema)
    db.pragma(`user_version = ${version}`)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function discard(file: string): void {
  for (const end of ['', '-wal', '-shm', '-journal']) rmSync(file + end, { force: true })
}

/** Whether SQLite says of a database of ours that it is damaged. */
export function isDamaged(error: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test(sqliteCode(error))
}

function sqliteCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** What a failure of this computer's own state means to people: local_full or home_failed; a bug is returned as it is. */
export function localFailure(error: unknown): unknown {
  const code = sqliteCode(error)
  const meaning = /^(SQLITE_FULL|SQLITE_IOERR_SHMSIZE|ENOSPC|EDQUOT)$/.test(code)
    ? 'local_full'
    : /^(SQLITE_CANTOPEN|SQLITE_READONLY|SQLITE_PERM|SQLITE_IOERR)|^(EACCES|EPERM|EROFS|ENOTDIR|EEXIST|ENOENT|EIO)$/.test(
          code,
        )
      ? 'home_failed'
      : undefined
  return meaning ? new CofferError(meaning, { reason: code }, { cause: error }) : error
}
