/**
 * How a database and the files beside it look at one moment. Taken without SQLite, before it has opened anything:
 * closing a plain descriptor drops the locks that a connection of this process holds on the same file (POSIX).
 */
import { open, type FileHandle } from 'node:fs/promises'
import { hasCode } from './file-errors.ts'
import { headerBytes, parseHeader, type SqliteHeader } from './sqlite-header.ts'

/** Bytes of the header of a write-ahead log; it carries two salts that change whenever the log starts anew. */
export const walHeaderBytes = 32

export interface FileLook {
  exists: boolean
  /** Bytes; 0 also if there is no such file. */
  size: number
  /** Device, inode, size and times: another value means that something was written. */
  stamp: string
  /** The newest of those times, ns since 1970. */
  changedAt: bigint
  /** The first bytes: 100 of the database, 32 of the others, fewer if the file is shorter. */
  head: Buffer
}

export interface Look extends FileLook {
  /** Undefined if it is no plain SQLite database. */
  header: SqliteHeader | undefined
  wal: FileLook
  shm: FileLook
  journal: FileLook
}

/** Throws the file system's own error if the database itself is not there or cannot be read. */
export async function look(path: string): Promise<Look> {
  const [db, wal, shm, journal] = await Promise.all([
    lookAt(path, headerBytes, { withChangeTime: true }),
    lookBeside(`${path}-wal`),
    lookBeside(`${path}-shm`),
    lookBeside(`${path}-journal`),
  ])
  return { ...db, header: parseHeader(db.head), wal, shm, journal }
}

/** True if there is a log with something in it: then it, not the header, makes SQLite read in write-ahead mode. */
export function hasLog({ wal }: Look): boolean {
  return wal.size > walHeaderBytes
}

/** A journal that someone still needs: one whose first byte is zero was finished by its owner (journal_mode=persist). */
export function hasJournal({ journal }: Look): boolean {
  return journal.size > 0 && journal.head[0] !== 0
}

async function lookBeside(path: string): Promise<FileLook> {
  try {
    // SQLite, run as root, sets the owner of a journal or log that it opens: that alters its change time, nothing else.
    return await lookAt(path, walHeaderBytes, { withChangeTime: false })
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
    return { exists: false, size: 0, stamp: '', changedAt: 0n, head: Buffer.alloc(0) }
  }
}

async function lookAt(path: string, first: number, { withChangeTime }: { withChangeTime: boolean }): Promise<FileLook> {
  const file = await open(path, 'r')
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true })
    const changedAt = withChangeTime && ctimeNs > mtimeNs ? ctimeNs : mtimeNs
    const stamp = [dev, ino, size, mtimeNs, withChangeTime ? ctimeNs : 0n].join()
    return { exists: true, size: Number(size), stamp, changedAt, head: await firstBytes(file, first) }
  } finally {
    await file.close()
  }
}

async function firstBytes(file: FileHandle, count: number): Promise<Buffer> {
  const bytes = Buffer.alloc(count)
  let done = 0
  while (done < count) {
    const { bytesRead } = await file.read(bytes, done, count - done, done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}
