/**
 * A snapshot of a database in write-ahead mode that its owner has open: a read transaction, and where the pages of
 * that transaction lie.
 *
 * The transaction keeps the log from starting anew and checkpoints from passing it, so its pages stay where they are:
 * the newest frame of each page up to the last committed one, and the database file for all others. Which frame was
 * the last one SQLite does not say; the `-shm` header does, if it was the same before the transaction began and
 * after: every commit changes it. Three cases then, by how much of the log had been copied into the file:
 *
 * - all of it, or the log is empty: the file alone is the snapshot. SQLite may then read without the log at all; it
 *   holds the lock that keeps every checkpoint away, so the file stays as it is, while writers may start the log anew.
 * - less: the transaction began when even less had been copied (the count only grows while the salts are the same), so
 *   it reads the log and its frames stay. Checkpoints may go on copying them, but only frames at or before it, and
 *   those pages are read from the log.
 */
import { fstatSync, statSync } from 'node:fs'
import type { Database } from 'better-sqlite3'
import { guard } from './guard.ts'
import { limitCache, openDatabase } from './open-database.ts'
import { readWalIndex, type WalIndex } from './wal-index.ts'
import { coversTheRest, readWalOverlay, type WalOverlay } from './wal-overlay.ts'

/**
 * Plain descriptors of the three files. They must be opened before and closed after every SQLite connection of this
 * process on them: closing one drops the process's locks on its file (POSIX).
 */
export interface Descriptors {
  db: number
  wal: number
  shm: number
}

export interface Pinned {
  connection: Database
  /** Where its pages lie; undefined where that could not be told: then `backup()` on the connection still works. */
  pages: { pageSize: number; pageCount: number; overlay: WalOverlay | undefined } | undefined
}

const tries = 200

/** Pins, or says that the log is not there any more ('gone') or that something else is in the way ('busy'). */
export function pin(path: string, pageSize: number, files: Descriptors): Pinned | 'gone' | 'busy' {
  const held = guard(path)
  if (held.verdict === 'busy') return 'busy'
  if (held.verdict !== 'log') {
    held.release()
    return 'gone'
  }
  try {
    // Under the guard the owner can no longer remove them: if they are there, and are those that the descriptors
    // stand for, then the connection will find the same and create nothing.
    const all =
      isSameFile(path, files.db) && isSameFile(`${path}-wal`, files.wal) && isSameFile(`${path}-shm`, files.shm)
    if (!all) return 'gone'
    const connection = openDatabase(path, { readonly: true, wait: 200 })
    try {
      limitCache(connection)
      return { connection, pages: begin(connection, pageSize, files) }
    } catch (error) {
      connection.close()
      if (isInTheWay(error)) return 'busy'
      throw error
    }
  } finally {
    held.release()
  }
}

function begin(connection: Database, pageSize: number, files: Descriptors): Pinned['pages'] {
  const read = connection.prepare('select count(*) from sqlite_schema')
  for (let attempt = 1; ; attempt++) {
    const before = readWalIndex(files.shm)
    connection.exec('begin')
    read.get()
    const after = readWalIndex(files.shm)
    if (before && after && before.raw.equals(after.raw)) return place(after, pageSize, files)
    // A commit came between. The transaction is as good as any, but its last frame is unknown: begin another.
    if (attempt === tries) return undefined
    connection.exec('commit')
  }
}

function place(
  { frames, pages, salt, backfilled, pageSize: logged }: WalIndex,
  pageSize: number,
  files: Descriptors,
): Pinned['pages'] {
  // An empty log has no page size yet.
  if (logged !== pageSize && logged !== 0) return undefined
  const fileSize = fstatSync(files.db).size
  const pageCount = pages === 0 ? Math.floor(fileSize / pageSize) : pages
  const inFile = backfilled >= frames
  const overlay = inFile ? undefined : readWalOverlay(files.wal, { frames, pageSize, pageCount, salt })
  if (!inFile && !overlay) return undefined
  return coversTheRest(overlay, { fileSize, pageSize, pageCount }) ? { pageSize, pageCount, overlay } : undefined
}

function isSameFile(path: string, fd: number): boolean {
  const there = statSync(path, { throwIfNoEntry: false, bigint: true })
  const { dev, ino } = fstatSync(fd, { bigint: true })
  return there?.dev === dev && there.ino === ino
}

function isInTheWay(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_CANTOPEN')
}
