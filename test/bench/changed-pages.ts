/**
 * What a day cannot be stored in less than: its changed pages and its new media, sealed. Worked out here from the
 * two databases alone, without any of Coffer's code.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { constants, zstdCompressSync } from 'node:zlib'

/** XChaCha20-Poly1305's nonce and tag. */
const sealing = 24 + 16
/** Pages are sealed in runs of so many bytes, media in pieces (archive format). */
const run = 256 * 1024
const piece = 4 * 1024 * 1024

/** How many pages differ between two databases of the same page size, and their bytes once sealed. */
export function changedPages(before: string, after: string, pageSize = 4096): { pages: number; sealed: number } {
  const [old, now] = [openSync(before, 'r'), openSync(after, 'r')]
  try {
    const [oldBytes, bytes] = [fstatSync(old).size, fstatSync(now).size]
    const [a, b] = [Buffer.alloc(run), Buffer.alloc(run)]
    let pages = 0
    let sealed = 0
    let changed: Buffer[] = []
    const seal = (): void => {
      if (changed.length > 0) sealed += sealing + compressed(Buffer.concat(changed))
      changed = []
    }
    for (let at = 0; at < bytes; at += run) {
      const length = readSync(now, b, 0, run, at)
      if (at < oldBytes) readSync(old, a, 0, run, at)
      for (let page = 0; page < length; page += pageSize) {
        const same = at + page < oldBytes && a.compare(b, page, page + pageSize, page, page + pageSize) === 0
        if (same) continue
        pages++
        changed.push(Buffer.from(b.subarray(page, page + pageSize)))
        if (changed.length * pageSize >= run) seal()
      }
    }
    seal()
    return { pages, sealed }
  } finally {
    closeSync(old)
    closeSync(now)
  }
}

/** Sealed bytes of media that do not compress. */
export function sealedMedia(files: readonly { bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes + sealing * Math.ceil(bytes / piece), 0)
}

function compressed(plain: Buffer): number {
  const packed = zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
  return Math.min(packed.length, plain.length)
}
