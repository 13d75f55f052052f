/**
 * What the `-shm` file says of a write-ahead log (sqlite.org/walformat.html, section 2), read with plain reads.
 *
 * It is a shared mapping that its owners write without system calls, in the machine's own byte order. The header is
 * kept twice, written one copy after the other: only two equal copies are a header.
 */
import { readSync } from 'node:fs'
import { endianness } from 'node:os'

const little = endianness() === 'LE'

export interface WalIndex {
  /** Both copies of the header: equal bytes mean that nobody committed and the log did not start anew. */
  raw: Buffer
  /** Bytes. */
  pageSize: number
  /** Frames of the log that are committed; 0 if the log holds nothing. */
  frames: number
  /** Pages of the database after the last commit; 0 if the log holds nothing and the file's own size counts. */
  pages: number
  /** As they stand in the log's header and in each of its frames. */
  salt: Buffer
  /** Frames already copied into the database file and synced there. */
  backfilled: number
}

/** Undefined while the two copies differ, or if there is no header yet. */
export function readWalIndex(fd: number): WalIndex | undefined {
  const bytes = Buffer.alloc(136)
  if (readSync(fd, bytes, 0, bytes.length, 0) < 100) return undefined
  const raw = bytes.subarray(0, 96)
  if (!raw.subarray(0, 48).equals(raw.subarray(48)) || raw[12] === 0) return undefined
  const u16 = (at: number) => (little ? raw.readUInt16LE(at) : raw.readUInt16BE(at))
  const u32 = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at))
  // 65536 is kept as 1.
  const pageSize = (u16(14) & 0xfe00) + ((u16(14) & 1) << 16)
  return { raw, pageSize, frames: u32(16), pages: u32(20), salt: raw.subarray(32, 40), backfilled: u32(96) }
}
