/**
 * A connection that holds SQLite's shared lock on a database and touches nothing else.
 *
 * A plain read-only connection creates `-wal` and `-shm` beside a database in write-ahead mode when they are not
 * there, and only the last read-write connection to close takes them away again: they would stay in the owner's
 * folder. In exclusive locking mode SQLite keeps the shared lock once it has it, and needs an exclusive lock before it
 * touches the log; on a descriptor opened for reading that is refused. What is left is what is wanted: the shared
 * lock, and no file opened but the database. While it is held nobody can write to the database file in
 * rollback-journal mode, and an owner in write-ahead mode that closes leaves its log in place (it needs an exclusive
 * lock to remove it).
 */
import type { Database } from 'better-sqlite3'
import { openDatabase } from './open-database.ts'

export type Verdict =
  /** Held, and the database is in rollback-journal mode: no writer is in the middle of anything. */
  | 'shared'
  /** Held, and the database is in write-ahead mode; or this file system knows no locks. */
  | 'log'
  /** Not held: a writer is at work or waits to be. */
  | 'busy'
  /** Not held: a writer died in the middle, and its journal must be rolled back. */
  | 'hot'

export interface Guard {
  verdict: Verdict
  release(): void
}

/** Throws SQLite's error if the database cannot be read at all. */
export function guard(path: string): Guard {
  const db = openDatabase(path, { readonly: true, wait: 0 })
  try {
    db.pragma('locking_mode = exclusive')
    const verdict = tryToRead(db)
    if (verdict === 'busy' || verdict === 'hot') db.close()
    return { verdict, release: () => db.close() }
  } catch (error) {
    db.close()
    throw error
  }
}

function tryToRead(db: Database): Verdict {
  try {
    db.prepare('select count(*) from sqlite_schema').get()
    return 'shared'
  } catch (error) {
    switch (error instanceof Error && 'code' in error ? error.code : '') {
      case 'SQLITE_IOERR_LOCK':
        return 'log'
      case 'SQLITE_READONLY_ROLLBACK':
        return 'hot'
      case 'SQLITE_BUSY':
      case 'SQLITE_BUSY_RECOVERY':
      case 'SQLITE_BUSY_SNAPSHOT':
        return 'busy'
      default:
        throw error
    }
  }
}
