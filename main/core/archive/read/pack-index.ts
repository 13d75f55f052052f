/** Fetching a pack's index: what the pack says it holds. */
import type { ArchiveContext } from '../context.ts'
import { Malformed } from '../format/bytes.ts'
import { maxPack, sealOverhead } from '../format/limits.ts'
import { packName, type PackId } from '../format/names.ts'
import { type IndexedBlob, readIndex, readTrailer, trailerBytes } from '../format/pack.ts'
import { fetchSealed, intact } from './read-blob.ts'

/** Most indexes, and the trailer, lie within a pack's last bytes: one request instead of two. */
const tailBytes = 192 * 1024

/**
 * The blobs of a pack of `size` bytes, in order, padding included; they account for every byte before the index.
 * pack_missing, pack_truncated or pack_altered name it.
 */
export async function fetchIndex(context: ArchiveContext, id: PackId, size: number): Promise<IndexedBlob[]> {
  const object = packName(id)
  const pack = { id, size }
  intact(object, () => {
    if (size < trailerBytes + sealOverhead || size > maxPack) throw new Malformed('no pack has this size')
  })
  const start = Math.max(0, size - tailBytes)
  const tail = await fetchSealed(context, { pack, ordinal: 0, offset: start, length: size - start, compressed: false })
  const at = intact(object, () => readTrailer(tail.subarray(-trailerBytes), size))
  const sealed =
    at.offset >= start
      ? tail.subarray(at.offset - start, at.offset - start + at.length)
      : await fetchSealed(context, { pack, ...at })
  return intact(object, () => readIndex(sealed, at, context.archive, id, context.keys.blobs))
}
