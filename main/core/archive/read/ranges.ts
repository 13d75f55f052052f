/**
 * Which stretches of packs to fetch for a set of blobs: neighbours come with one request, each pack in one go from
 * front to back.
 */
import { maxBlobSealed } from '../format/limits.ts'
import type { PackRef, Place } from '../format/places.ts'

/** The most bytes of one request, and of the buffers that receive them. Any one blob fits. */
export const rangeBytes = Math.max(4 * 1024 * 1024, maxBlobSealed)
/** The most blobs of one request: of small files a buffer would hold tens of thousands, and each is an object or two. */
export const rangeBlobs = 2048
/** Bytes between two blobs that are fetched and thrown away rather than asked for around: less than a round trip's worth. */
const gapBytes = 128 * 1024

/** A stretch of one pack, and which of the blobs it holds: `items` are numbers into the caller's list of places. */
export interface Range {
  pack: PackRef
  start: number
  length: number
  items: number[]
}

/**
 * Yields the stretches that hold `places`. Packs come in the order in which they are first named, so that a file is
 * written roughly from front to back; within a pack offsets grow. Places that are the same blob come one after the
 * other in the same range.
 */
export function* toRanges(places: readonly Place[]): Generator<Range, void, undefined> {
  const rank = new Map<string, number>()
  for (const { pack } of places) if (!rank.has(pack.id)) rank.set(pack.id, rank.size)
  const ranks = Uint32Array.from(places, ({ pack }) => rank.get(pack.id) ?? 0)
  const order = Uint32Array.from(places.keys())
  // Numbers of places are their indexes: both are always there.
  const offset = (item: number): number => places[item]?.offset ?? 0
  order.sort((a, b) => (ranks[a] ?? 0) - (ranks[b] ?? 0) || offset(a) - offset(b) || a - b)

  let range: Range | undefined
  let before: Place | undefined
  for (const item of order) {
    const place = places[item]
    if (!place) continue
    if (
      range &&
      before &&
      range.items.length < rangeBlobs &&
      (sameBlob(before, place) || follows(range, before, place))
    ) {
      range.length = Math.max(range.length, place.offset + place.length - range.start)
      range.items.push(item)
    } else {
      if (range) yield range
      range = { pack: place.pack, start: place.offset, length: place.length, items: [item] }
    }
    before = place
  }
  if (range) yield range
}

export function sameBlob(a: Place, b: Place): boolean {
  return (
    a.pack.id === b.pack.id &&
    a.ordinal === b.ordinal &&
    a.offset === b.offset &&
    a.length === b.length &&
    a.compressed === b.compressed
  )
}

/** Blobs that overlap are nobody's work but a forger's: they are fetched apart, since opening one destroys its bytes. */
function follows(range: Range, before: Place, place: Place): boolean {
  const gap = place.offset - (before.offset + before.length)
  return (
    before.pack.id === place.pack.id &&
    before.pack.size === place.pack.size &&
    gap >= 0 &&
    gap <= gapBytes &&
    place.offset + place.length - range.start <= rangeBytes
  )
}
