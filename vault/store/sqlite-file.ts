/**
 * The connections to a vault's SQLite database: one that writes, used by one group at a time, and one that can only
 * read. They notice when another file was put in the place of theirs: SQLite would go on writing into the one that has
 * lost its name, and nothing of it would be there after a restart.
 */
import { closeSync, openSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { isVault, layOut } from './sqlite-schema.ts'
import { StorageUnavailable, StorageUnfit } from './storage.ts'

export interface Connections {
  writer: Database.Database
  reader: Database.Database
  /** Whether the names of the database and of its log still lead to the files that are open here. */
  inPlace(): boolean
  close(): void
}

/** How long a read waits while another process opens or closes the database, ms. Groups never block in SQLite. */
const readPatience = 2000
/** Pages in the write-ahead log, 128 MB, before a group itself has to copy them, should sqlite-tidying.ts not have. */
const logPages = 32_000

/**
 * Opens the database; `create` makes it where there is none (mode 0600) or an empty one.
 * StorageUnfit for what is no vault's database, StorageUnavailable when it cannot be opened now.
 */
export function openConnections(file: string, options: { create: boolean }): Connections {
  return throughSqlite(() => {
    if (options.create) createEmpty(file)
    const writer = new Database(file, { fileMustExist: true, timeout: 0 })
    let reader: Database.Database | undefined
    try {
      harden(writer)
      const known = isVault(writer)
      if (!known && !options.create) throw new StorageUnfit('The vault’s database has become an empty one.')
      makeDurable(writer)
      if (!known) layOut(writer)
      reader = new Database(file, { readonly: true, fileMustExist: true, timeout: readPatience })
      harden(reader)
      isVault(reader)
    } catch (error) {
      reader?.close()
      writer.close()
      throw error
    }
    const opened = identities(file)
    return {
      writer,
      reader,
      inPlace: () => opened !== undefined && opened === identities(file),
      close: () => {
        reader.close()
        writer.close()
      },
    }
  })
}

/** SQLite's errors as StorageUnavailable; everything else as it came. */
export function throughSqlite<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error
    if (error.code === 'SQLITE_NOTADB') throw new StorageUnfit('This file is no SQLite database.', { cause: error })
    throw new StorageUnavailable(`SQLite: ${error.code}`, { cause: error })
  }
}

/** Whether somebody else is at it, so that trying again soon helps. */
export function isBusy(error: unknown): boolean {
  const cause = error instanceof StorageUnavailable ? error.cause : error
  return cause instanceof Database.SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(cause.code)
}

/**
 * Only a file that is not there is opened by hand: closing a descriptor of a database that is open elsewhere in this
 * process would drop that one's locks (sqlite.org/howtocorrupt.html, 2.2).
 */
function createEmpty(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    if (error.code !== 'EEXIST') throw new StorageUnavailable(`cannot create the database: ${String(error.code)}`)
  }
}

/** A database's own schema must not run functions; it is read before anything is believed of it. */
function harden(db: Database.Database): void {
  db.pragma('trusted_schema = OFF')
  db.pragma('cell_size_check = ON')
  db.pragma('temp_store = MEMORY')
}

/** A commit is on the disk when it returns, and what is deleted is overwritten. Asked back, because pragmas never fail. */
function makeDurable(db: Database.Database): void {
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  // On macOS an ordinary fsync leaves the bytes in the disk's own memory.
  db.pragma('fullfsync = ON')
  db.pragma('checkpoint_fullfsync = ON')
  db.pragma('secure_delete = ON')
  db.pragma(`wal_autocheckpoint = ${logPages}`)
  const settings = ['journal_mode', 'synchronous', 'secure_delete'].map((name) => db.pragma(name, { simple: true }))
  if (settings.join() !== 'wal,2,1') throw new StorageUnfit(`SQLite does not keep to its settings: ${settings.join()}`)
}

function identities(file: string): string | undefined {
  const found = [file, `${file}-wal`].map((name) => statSync(name, { bigint: true, throwIfNoEntry: false }))
  return found.includes(undefined) ? undefined : found.map((it) => (it ? `${it.dev}:${it.ino}` : '')).join()
}
