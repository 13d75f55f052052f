/**
 * The pages of a database at one moment, readable from any thread of this process.
 *
 * A spec is plain data (descriptors and tables in shared memory), so that the thread that pins the snapshot and the
 * seal workers that read it can be different ones. Descriptors belong to the process; who made the spec closes
 * them, after the last reader is done.
 */
import { readSync } from 'node:fs'

export interface PageSourceSpec {
  /** Bytes, a power of two from 512 to 65536. */
  pageSize: number
  /** Pages are counted from 0 here; SQLite's own page 1 is page 0. */
  pageCount: number
  /** The database file, or a private copy of it. */
  fd: number
  /**
   * Pages that are newer in the write-ahead log: `pages` sorted ascending (Uint32 in shared memory), `offsets` the
   * place of the page's content in the log file (Float64), `fd` the log. Pages beyond the file's end lie here too.
   */
  overlay?: { fd: number; pages: SharedArrayBuffer; offsets: SharedArrayBuffer }
}

export interface PageSource {
  readonly pageSize: number
  readonly pageCount: number
  /** Reads `count` pages from `first` into the start of `into`. Throws if the file is shorter than it was. */
  read(first: number, count: number, into: Uint8Array): void
}

/** A reader for a spec; cheap, one per thread. */
export function openPageSource(spec: PageSourceSpec): PageSource {
  const { pageSize, pageCount, fd } = spec
  const overlay = spec.overlay && {
    fd: spec.overlay.fd,
    pages: new Uint32Array(spec.overlay.pages),
    offsets: new Float64Array(spec.overlay.offsets),
  }
  return {
    pageSize,
    pageCount,
    read(first, count, into) {
      if (!overlay) return readFully(fd, into, 0, count * pageSize, first * pageSize)
      let page = first
      let next = lowerBound(overlay.pages, first)
      const end = first + count
      while (page < end) {
        const newer = overlay.pages[next] ?? Infinity
        if (newer === page) {
          readFully(overlay.fd, into, (page - first) * pageSize, pageSize, overlay.offsets[next] ?? 0)
          page++
          next++
          continue
        }
        const upTo = Math.min(end, newer)
        readFully(fd, into, (page - first) * pageSize, (upTo - page) * pageSize, page * pageSize)
        page = upTo
      }
    },
  }
}

function readFully(fd: number, into: Uint8Array, at: number, length: number, position: number): void {
  let done = 0
  while (done < length) {
    const n = readSync(fd, into, at + done, length - done, position + done)
    if (n === 0) throw new Error(`the database file ended ${length - done} bytes early`)
    done += n
  }
}

function lowerBound(sorted: Uint32Array, value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}
