/**
 * How a database and the files beside it look at one moment. Taken without SQLite, before it has opened anything:
 * closing a plain descriptor would drop the locks that a SQLite connection of this process holds on the same file.
 */
import { open, type FileHandle } from 'node:fs/promises'
import { hasCode } from './file-errors.ts'
import { headerBytes, parseHeader, type SqliteHeader } from './sqlite-header.ts'

/** Bytes of the header of a write-ahead log; it carries two salts that change whenever the log starts anew. */
export const walHeaderBytes = 32

export interface Look {
  /** Bytes. */
  size: number
  /** Device, inode, size and times of the database: another value means that something was written. */
  stamp: string
  /** Of the newest change to the database, ns since 1970. */
  changedAt: bigint
  /** The database's first bytes; shorter if it is. */
  head: Buffer
  /** Undefined if it is no plain SQLite database. */
  header: SqliteHeader | undefined
  wal: Beside
  shm: Beside
  journal: Beside
}

export interface Beside {
  /** Bytes; 0 also if there is no such file. */
  size: number
  exists: boolean
  /** The first bytes of the file. */
  head: Buffer
}

/** Throws the file system's own error if the database itself is not there or cannot be read. */
export async function look(path: string): Promise<Look> {
  const [wal, shm, journal] = await Promise.all([beside(`${path}-wal`), beside(`${path}-shm`), beside(`${path}-journal`)])
  const file = await open(path, 'r')
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true })
    const head = await firstBytes(file, headerBytes)
    const changedAt = mtimeNs > ctimeNs ? mtimeNs : ctimeNs
    return { size: Number(size), stamp: [dev, ino, size, mtimeNs, ctimeNs].join(), changedAt, head, header: parseHeader(head), wal, shm, journal }
  } finally {
    await file.close()
  }
}

/** A journal that someone still needs: one whose first byte is zero was finished by its owner (journal_mode=persist). */
export function journalInUse({ journal }: Look): boolean {
  return journal.size > 0 && journal.head[0] !== 0
}

async function beside(path: string): Promise<Beside> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return { size: 0, exists: false, head: Buffer.alloc(0) }
    throw error
  }
  try {
    return { size: (await file.stat()).size, exists: true, head: await firstBytes(file, walHeaderBytes) }
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
