/**
 * The first 100 bytes of a SQLite database (sqlite.org/fileformat2.html, section 1.3), as far as a snapshot needs
 * them. Read from the file itself, never through SQLite: looking must not lock or create anything.
 */

export const headerBytes = 100

export interface SqliteHeader {
  /** Bytes, a power of two from 512 to 65536. */
  pageSize: number
  /** True if the database is in write-ahead mode: its newest pages may lie in `-wal`. */
  wal: boolean
  /** Grows with every commit in rollback-journal mode; says nothing in write-ahead mode. */
  changeCounter: number
}

/** The header, or undefined if these bytes do not begin a plain SQLite database. */
export function parseHeader(bytes: Buffer): SqliteHeader | undefined {
  if (bytes.length < headerBytes || bytes.toString('latin1', 0, 16) !== 'SQLite format 3\0') return undefined
  const stored = bytes.readUInt16BE(16)
  const pageSize = stored === 1 ? 65536 : stored
  if (pageSize < 512 || (pageSize & (pageSize - 1)) !== 0) return undefined
  return { pageSize, wal: bytes[19] === 2, changeCounter: bytes.readUInt32BE(24) }
}
