/** From a window of a database's map to the stretches of packs that hold its pages. */
import { blobKind } from '../format/blob.ts'
import { pageHashBytes } from '../format/limits.ts'
import type { PageWork, SealedBlob } from './open-task.ts'
import type { Place } from '../format/places.ts'
import { type Range, sameBlob, toRanges } from './ranges.ts'
import { nowhere, type PageWindow, unknown } from './resolve-pages.ts'

/** A stretch to fetch and the pages to take from it. */
export interface PageRange {
  range: Range
  blobs: SealedBlob[]
  work: PageWork
}

/** Pages of a window that no blob can be asked for. */
export interface UnplacedPages {
  /** The map has no entry for them. */
  nowhere: number
  /** A damaged part of the map may have had one. */
  unknown: number
  /** The first of them. */
  first: number
}

/** Counts the pages without a place. */
export function unplaced(window: PageWindow): UnplacedPages | undefined {
  const found: UnplacedPages = { nowhere: 0, unknown: 0, first: -1 }
  window.rows.forEach((row, at) => {
    if (row !== nowhere && row !== unknown) return
    if (found.first < 0) found.first = window.first + at
    if (row === nowhere) found.nowhere++
    else found.unknown++
  })
  return found.first < 0 ? undefined : found
}

/** Yields what to fetch for the window's pages, each blob once. */
export function* planPages(
  window: PageWindow,
  { fd, pageSize }: { fd: number; pageSize: number },
): Generator<PageRange, void, undefined> {
  const grouped = groupByRow(window)
  for (const range of toRanges(grouped.used.map((row) => grouped.placeOf(row)))) {
    const blobs: SealedBlob[] = []
    const ends: number[] = []
    const pages: number[] = []
    let before: Place | undefined
    for (const item of range.items) {
      const row = grouped.used[item] ?? 0
      const place = grouped.placeOf(row)
      if (!before || !sameBlob(before, place)) {
        const { ordinal, offset, length, compressed } = place
        blobs.push({ kind: blobKind.pages, ordinal, offset, length, compressed })
        ends.push(pages.length)
      }
      before = place
      for (const at of grouped.pagesOf(row)) pages.push(at)
      ends[ends.length - 1] = pages.length
    }
    yield { range, blobs, work: { do: 'pages', fd, pageSize, ends: Uint32Array.from(ends), ...columns(window, pages) } }
  }
}

function columns(window: PageWindow, ats: readonly number[]): Pick<PageWork, 'indexes' | 'pages' | 'hashes'> {
  const hashes = new Uint8Array(ats.length * pageHashBytes)
  ats.forEach((at, i) =>
    hashes.set(window.hashes.subarray(at * pageHashBytes, (at + 1) * pageHashBytes), i * pageHashBytes),
  )
  return {
    indexes: Uint16Array.from(ats, (at) => window.indexes[at] ?? 0),
    pages: Uint32Array.from(ats, (at) => window.first + at),
    hashes,
  }
}

interface Grouped {
  /** Rows of the window's places that some page names, in the order of their first page. */
  used: number[]
  placeOf(row: number): Place
  /** The pages of a row, ascending, counted from the window's first. */
  pagesOf(row: number): Uint32Array
}

/** Sorts the pages by the blob they lie in, by counting: no comparison, no object per page. */
function groupByRow(window: PageWindow): Grouped {
  const { rows, places } = window
  const ends = new Uint32Array(places.length + 1)
  const used: number[] = []
  for (const row of rows) {
    if (row >= places.length) continue
    if (ends[row + 1] === 0) used.push(row)
    ends[row + 1] = (ends[row + 1] ?? 0) + 1
  }
  for (let row = 0; row < places.length; row++) ends[row + 1] = (ends[row + 1] ?? 0) + (ends[row] ?? 0)
  const sorted = new Uint32Array(ends[places.length] ?? 0)
  const next = ends.slice(0, -1)
  rows.forEach((row, at) => {
    if (row >= places.length) return
    const slot = next[row] ?? 0
    sorted[slot] = at
    next[row] = slot + 1
  })
  return {
    used,
    pagesOf: (row) => sorted.subarray(ends[row] ?? 0, ends[row + 1] ?? 0),
    placeOf(row) {
      const place = places[row]
      if (!place) throw new Error('a row without a place')
      return place
    },
  }
}
