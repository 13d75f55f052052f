/**
 * The newest version of each page in a write-ahead log, up to the frame at which a snapshot is pinned.
 *
 * Layout (sqlite.org/fileformat2.html, section 4): a header of 32 bytes, then frames of a 24-byte header (page number,
 * database size after a commit, the log's two salts, checksums) and one page each.
 */
import { readSync } from 'node:fs'

const logHeader = 32
const frameHeader = 24

export interface WalOverlay {
  /** Pages counted from 0, ascending. */
  pages: SharedArrayBuffer
  /** Where each page's content begins in the log, bytes. */
  offsets: SharedArrayBuffer
}

/**
 * Reads the headers of the first `frames` frames. Pages at or beyond `pageCount` are left out: a later commit of the
 * same log cut them off. Undefined if a frame does not carry this salt, which no pinned log should do.
 */
export function readWalOverlay(
  fd: number,
  at: { frames: number; pageSize: number; pageCount: number; salt: Buffer },
): WalOverlay | undefined {
  const { frames, pageSize, pageCount, salt } = at
  const newest = new Map<number, number>()
  const header = Buffer.alloc(frameHeader)
  for (let frame = 0; frame < frames; frame++) {
    const start = logHeader + frame * (frameHeader + pageSize)
    if (readSync(fd, header, 0, frameHeader, start) !== frameHeader || !header.subarray(8, 16).equals(salt))
      return undefined
    const page = header.readUInt32BE(0)
    if (page === 0) return undefined
    if (page <= pageCount) newest.set(page - 1, start + frameHeader)
  }
  const sorted = Uint32Array.from(newest.keys()).sort()
  const pages = new SharedArrayBuffer(sorted.byteLength)
  const offsets = new SharedArrayBuffer(sorted.length * 8)
  new Uint32Array(pages).set(sorted)
  new Float64Array(offsets).set(Array.from(sorted, (page) => newest.get(page) ?? 0))
  return { pages, offsets }
}

/** True if every page from `fileSize` to `pageCount` lies in the overlay: then no read goes past the file's end. */
export function coversTheRest(
  overlay: WalOverlay | undefined,
  at: { fileSize: number; pageSize: number; pageCount: number },
): boolean {
  const inFile = Math.floor(at.fileSize / at.pageSize)
  if (inFile >= at.pageCount) return true
  const beyond = overlay ? new Uint32Array(overlay.pages).filter((page) => page >= inFile).length : 0
  return beyond === at.pageCount - inFile
}
