/** The one place where a database that is not Coffer's own is opened. */
import Database from 'better-sqlite3'
import { CofferError, type ErrorCode } from '../../../contract/errors.ts'
import type { Schema } from './kind.ts'

/**
 * Opens a database with defensive settings: no function or view of its schema is trusted, cells are checked, no
 * memory mapping (a file that shrinks under a mapping kills the process). better-sqlite3 itself forbids writing to
 * shadow tables and schema (SQLITE_DBCONFIG_DEFENSIVE) and loads no extension unless asked.
 *
 * Nothing here reads the file yet: guard.ts must be able to say how it is locked first. Many a pragma does read it.
 *
 * `wait` is how long to wait for another program's lock, ms.
 */
export function openDatabase(path: string, { readonly, wait }: { readonly: boolean; wait: number }): Database.Database {
  const db = new Database(path, { readonly, fileMustExist: true, timeout: wait })
  db.pragma('trusted_schema = off')
  db.pragma('cell_size_check = on')
  db.pragma('mmap_size = 0')
  if (readonly) db.pragma('query_only = on')
  return db
}

/**
 * Keeps a connection's cache small: counting and checking read everything once, and better-sqlite3's 16 MB would only
 * be memory that is not coming back. Reads the file (the pragma asks for the schema).
 */
export function limitCache(db: Database.Database): void {
  db.pragma('cache_size = -2048')
}

/** The tables of a database and their columns. */
export function readSchema(db: Database.Database): Schema {
  const tables = new Map<string, Set<string>>()
  const columnsOf = db.prepare<[string], { name: string }>('select name from pragma_table_info(?)')
  const names = db.prepare<[], { name: string }>(`select name from sqlite_schema where type = 'table'`).all()
  return {
    has(table, ...columns) {
      if (!names.some(({ name }) => name === table)) return false
      let known = tables.get(table)
      if (!known) tables.set(table, (known = new Set(columnsOf.all(table).map(({ name }) => name))))
      return columns.every((column) => known.has(column))
    },
  }
}

/** What a failure of SQLite means to a person: a CofferError if it is one they can meet, else the error itself. */
export function storeFailure(thrown: unknown): Error {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // Extended codes (SQLITE_CORRUPT_INDEX) mean to people what the first part means.
  const meaning = meanings[/^SQLITE_[A-Z]+/.exec(code)?.[0] ?? '']
  return meaning ? new CofferError(meaning, { sqlite: code }, { cause: error }) : error
}

const meanings: Readonly<Record<string, ErrorCode>> = {
  SQLITE_BUSY: 'store_locked',
  SQLITE_LOCKED: 'store_locked',
  SQLITE_CORRUPT: 'store_corrupt',
  SQLITE_IOERR: 'store_corrupt',
  SQLITE_FORMAT: 'store_corrupt',
  SQLITE_CANTOPEN: 'store_no_permission',
  SQLITE_NOTADB: 'store_encrypted',
  SQLITE_FULL: 'local_full',
  SQLITE_PERM: 'store_no_permission',
  SQLITE_AUTH: 'store_no_permission',
  // Our own SQL against a schema that is not what its tables' names promise.
  SQLITE_ERROR: 'cannot_be_browsed',
}
