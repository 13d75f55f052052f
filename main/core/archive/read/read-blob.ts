/** Fetching one blob by its place, with a fault that names the object when it is not what it should be. */
import { CofferError } from '../../../../contract/errors.ts'
import { BlobLabel, type BlobKind, openBlobInPlace } from '../format/blob.ts'
import { Malformed } from '../format/bytes.ts'
import type { ArchiveContext } from '../context.ts'
import { packName } from '../format/names.ts'
import type { Place } from '../format/places.ts'

/** The plain bytes of a blob. pack_missing, pack_truncated or pack_altered name the pack. */
export async function readBlob(context: ArchiveContext, place: Place, kind: BlobKind): Promise<Buffer> {
  const key = `${kind} ${place.pack.id} ${place.ordinal} ${place.offset} ${place.length} ${place.compressed}`
  const known = context.tables?.get(key)
  if (known) return known
  const sealed = await fetchSealed(context, place)
  const label = new BlobLabel(context.archive, place.pack.id).of(kind, place.ordinal, place.compressed)
  const plain = intact(packName(place.pack.id), () =>
    openBlobInPlace(sealed, label, place.compressed, context.keys.blobs),
  )
  context.tables?.put(key, plain)
  return plain
}

/** The sealed bytes of a blob, all of them. */
export async function fetchSealed(context: Pick<ArchiveContext, 'destination'>, place: Place): Promise<Buffer> {
  const object = packName(place.pack.id)
  const bytes = await context.destination.get(object, { offset: place.offset, length: place.length })
  if (!bytes) throw new CofferError('pack_missing', { object })
  if (bytes.length !== place.length) throw new CofferError('pack_truncated', { object })
  // A copy where a destination gave a part of a larger buffer: what is opened in place must be ours alone.
  return bytes.byteLength === bytes.buffer.byteLength ? Buffer.from(bytes.buffer) : Buffer.from(bytes)
}

/** Runs a decoder on bytes of `object`; what it calls Malformed becomes pack_altered. */
export function intact<T>(object: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (error instanceof Malformed) throw new CofferError('pack_altered', { object, reason: error.message })
    throw error
  }
}

/** Whether an error is damage of the archive itself, which verify lists and salvage works round. */
export function isDamage(error: unknown): error is CofferError {
  return error instanceof CofferError && damage.has(error.code)
}
const damage = new Set<string>([
  'pack_missing',
  'pack_truncated',
  'pack_altered',
  'map_damaged',
  'manifest_missing',
  'manifest_altered',
])
