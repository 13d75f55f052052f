/** Everything that is said to SQLite, prepared once per connection. */
import type { Database } from 'better-sqlite3'
import type { Making } from './checkpoints.ts'
import { rowReads, rowWrite } from './sqlite-slots.ts'
import type { Changes, LogEntry, StoredHead, StoredReceipt, StoredRow } from './storage.ts'

export interface Reads {
  head(): StoredHead | undefined
  row(rid: Buffer): StoredRow | undefined
  rows(after: Buffer | undefined, limit: number): StoredRow[]
  log(after: number, limit: number): LogEntry[]
  note(name: string): Buffer | undefined
  receipts(rid: Buffer, after: number, limit: number): StoredReceipt[]
  due(now: number, limit: number): Buffer[]
  checkpoint(): Making | undefined
  checkpointPart(making: string, number: number): Buffer | undefined
}

/** What can be read over a connection, each answer whole before it returns: no statement stays open. */
export function reads(db: Database): Reads {
  const head = db.prepare<[], StoredHead>('SELECT place, hash, epoch, signature FROM head')
  const log = db.prepare<[number, number], LogEntry>(
    'SELECT place, rid, counter, digest FROM log WHERE place > ? ORDER BY place LIMIT ?',
  )
  const note = db.prepare<[string], Buffer>('SELECT bytes FROM notes WHERE name = ?').pluck()
  const receipts = db.prepare<[Buffer, number, number], StoredReceipt>(
    'SELECT rid, number, bytes FROM receipts WHERE rid = ? AND number > ? ORDER BY number LIMIT ?',
  )
  const due = db
    .prepare<[number, number], Buffer>('SELECT rid FROM rows WHERE touch_at <= ? ORDER BY touch_at LIMIT ?')
    .pluck()
  const checkpoint = db.prepare<[], Making>('SELECT making, place, parts FROM checkpoint')
  const part = db
    .prepare<[string, number], Buffer>('SELECT bytes FROM checkpoint_parts WHERE making = ? AND number = ?')
    .pluck()
  return {
    head: () => head.get(),
    ...rowReads(db),
    log: (after, limit) => log.all(after, limit),
    note: (name) => note.get(name),
    receipts: (rid, after, limit) => receipts.all(rid, after, limit),
    due: (now, limit) => due.all(now, limit),
    checkpoint: () => checkpoint.get(),
    checkpointPart: (making, number) => part.get(making, number),
  }
}

export interface Writes {
  changes(it: Changes): void
  pulse(now: number): void
  addPart(making: string, number: number, bytes: Buffer): void
  /** Points at the parts of `making`, if they are all there and no later checkpoint is. False if they are not. */
  turnTo(it: Making): boolean
  /** Up to `limit` parts of other checkpoints than the one pointed at; gives how many went. */
  dropParts(limit: number): number
  dropLog(below: number, limit: number): number
}

/** What can be written over a connection, inside a transaction that somebody else begins and commits. */
export function writes(db: Database): Writes {
  const head = db.prepare(
    'INSERT OR REPLACE INTO head (one, place, hash, epoch, signature) VALUES (1, :place, :hash, :epoch, :signature)',
  )
  const entry = db.prepare('INSERT INTO log (place, rid, counter, digest) VALUES (?, ?, ?, ?)')
  const row = rowWrite(db)
  // Numbers are the vault’s: one that stands there already is nobody’s, and must not keep a group from its commit.
  const receipt = db.prepare('INSERT OR REPLACE INTO receipts (rid, number, bytes) VALUES (?, ?, ?)')
  const note = db.prepare('INSERT OR REPLACE INTO notes (name, bytes) VALUES (?, ?)')
  const noNote = db.prepare('DELETE FROM notes WHERE name = ?')
  const pulse = db.prepare('INSERT OR REPLACE INTO pulse (one, at) VALUES (1, ?)')
  const addPart = db.prepare('INSERT INTO checkpoint_parts (making, number, bytes) VALUES (?, ?, ?)')
  const turnTo = db.prepare(
    `INSERT OR REPLACE INTO checkpoint (one, making, place, parts)
     SELECT 1, :making, :place, :parts
     WHERE (SELECT count(*) FROM checkpoint_parts WHERE making = :making) = :parts
       AND NOT EXISTS (SELECT 1 FROM checkpoint WHERE place > :place)`,
  )
  const dropParts = db.prepare(
    `DELETE FROM checkpoint_parts WHERE rowid IN (
       SELECT rowid FROM checkpoint_parts
       WHERE making NOT IN (SELECT making FROM checkpoint) LIMIT ?)`,
  )
  const dropLog = db.prepare(
    'DELETE FROM log WHERE place IN (SELECT place FROM log WHERE place < ? ORDER BY place LIMIT ?)',
  )
  return {
    changes: (it) => {
      for (const { place, rid, counter, digest } of it.entries) entry.run(place, rid, counter, digest)
      for (const one of it.rows) row(one)
      for (const { rid, number, bytes } of it.receipts) receipt.run(rid, number, bytes)
      for (const [name, bytes] of it.notes) {
        if (bytes === null) noNote.run(name)
        else note.run(name, bytes)
      }
      const { place, hash, epoch, signature } = it.head
      head.run({ place, hash, epoch, signature })
    },
    pulse: (now) => void pulse.run(now),
    addPart: (making, number, bytes) => void addPart.run(making, number, bytes),
    turnTo: (it) => turnTo.run(it).changes > 0,
    dropParts: (limit) => dropParts.run(limit).changes,
    dropLog: (below, limit) => dropLog.run(below, limit).changes,
  }
}
