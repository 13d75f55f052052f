/**
 * The layout of a vault's SQLite database. What a record holds lies in a slot, and never moves: a new slot comes behind
 * all others, and what is written into it later has the same length, so that SQLite overwrites it where it lies. Rows
 * that grow are moved about, and what is moved leaves traces in its old page that secure_delete does not reach.
 */
import Database from 'better-sqlite3'
import { StorageUnfit } from './storage.ts'

/** "CofV", in the file's header: a database with another one is somebody else's. */
const applicationId = 0x436f6656
const layout = 1

const tables = `
  CREATE TABLE rows (
    rid BLOB NOT NULL PRIMARY KEY CHECK (length(rid) = 32),
    touch_at INTEGER,
    slot INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE slots (number INTEGER NOT NULL PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE INDEX rows_due ON rows (touch_at) WHERE touch_at IS NOT NULL;
  CREATE TABLE log (
    place INTEGER NOT NULL PRIMARY KEY,
    rid BLOB NOT NULL,
    counter INTEGER NOT NULL,
    digest BLOB NOT NULL
  ) STRICT;
  CREATE TABLE head (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    place INTEGER NOT NULL,
    hash BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    signature BLOB NOT NULL
  ) STRICT;
  CREATE TABLE receipts (
    rid BLOB NOT NULL,
    number INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (rid, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE notes (name TEXT NOT NULL PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE checkpoint (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    making TEXT NOT NULL,
    place INTEGER NOT NULL,
    parts INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE checkpoint_parts (
    making TEXT NOT NULL,
    number INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (making, number)
  ) STRICT;
  CREATE TABLE pulse (one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
`

/**
 * True if this is a vault's database, false if it is empty. StorageUnfit if it is anything else: another program's,
 * another layout's, or ours with something added (a trigger would change what is written behind our back).
 */
export function isVault(db: Database.Database): boolean {
  const id = db.pragma('application_id', { simple: true })
  const version = db.pragma('user_version', { simple: true })
  const found = schemaOf(db)
  if (id === 0 && version === 0 && found === '[]') return false
  if (id !== applicationId) throw new StorageUnfit('This database belongs to another program.')
  if (version !== layout)
    throw new StorageUnfit(`This database has layout ${String(version)}; this vault knows ${layout}.`)
  if (found !== expected()) throw new StorageUnfit('The tables of this database are not those that the vault made.')
  return true
}

/** Lays an empty database out, in one transaction; nothing happens if somebody else was faster. BUSY as it comes. */
export function layOut(db: Database.Database): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    if (!isVault(db)) {
      db.exec(tables)
      db.pragma(`application_id = ${applicationId}`)
      db.pragma(`user_version = ${layout}`)
    }
    db.exec('COMMIT')
  } finally {
    if (db.inTransaction) db.exec('ROLLBACK')
  }
}

function schemaOf(db: Database.Database): string {
  return JSON.stringify(
    db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name').raw().all(),
  )
}

function expected(): string {
  const db = new Database(':memory:')
  try {
    db.exec(tables)
    return schemaOf(db)
  } finally {
    db.close()
  }
}
