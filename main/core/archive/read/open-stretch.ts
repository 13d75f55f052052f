/** Fetching a stretch of a pack and having it opened: one request, one task. */
import { CofferError } from '../../../../contract/errors.ts'
import type { Destination } from '../../destinations/destination.ts'
import { localFailure } from './local-failure.ts'
import { packName } from '../format/names.ts'
import type { OpenPool } from './open-pool.ts'
import { type BlobFault, type OpenWork, type Refusal, rowsOf, type SealedBlob } from './open-task.ts'
import type { Range } from './ranges.ts'

export interface Stretch {
  range: Pick<Range, 'pack' | 'start' | 'length'>
  /** In the order of their offsets, none overlapping another. */
  blobs: SealedBlob[]
  work: OpenWork
  /** Told of each file that the worker made, open, whatever came of the rest. */
  onMade?: (file: number, fd: number) => void
  /** What it means when the file system would not make or fill one of the work's files; localFailure unless given. */
  onRefused?: (refusal: Refusal) => unknown
}

/** What did not open: the fault of the object, and which blobs it concerns. */
export interface StretchFault {
  error: CofferError
  blobs: BlobFault[]
}

/**
 * Fetches a stretch into `buffer`, which goes back to the pool, and has it opened. Damage is returned; the errors of
 * the destination and of this computer's file system (local_full, target_failed) are thrown.
 */
export async function openStretch(
  destination: Destination,
  pool: OpenPool,
  buffer: Uint8Array<SharedArrayBuffer>,
  { range, blobs, work, onMade, onRefused = localFailure }: Stretch,
): Promise<StretchFault | undefined> {
  const object = packName(range.pack.id)
  let bytes: Uint8Array<SharedArrayBuffer> | undefined
  try {
    bytes = await fetchInto(destination, object, range, buffer)
  } catch (error) {
    pool.release(buffer)
    throw error
  }
  // Of a shortened pack the blobs before its end can still be opened.
  const end = range.start + (bytes?.length ?? 0)
  const whole = blobs.filter((blob) => blob.offset + blob.length <= end).length
  const code = bytes ? 'pack_truncated' : 'pack_missing'
  const cut = blobs
    .slice(whole)
    .map((_, i): BlobFault => ({ blob: whole + i, reason: code, rows: rowsOf(work, whole + i) }))
  if (!bytes || whole === 0) {
    pool.release(buffer)
    return { error: new CofferError(code, { object }), blobs: cut }
  }
  const { faults, made, refused } = await pool.run({
    bytes,
    pack: range.pack.id,
    start: range.start,
    blobs: blobs.slice(0, whole),
    work,
  })
  for (const { file, fd } of made ?? []) onMade?.(file, fd)
  if (refused) throw onRefused(refused)
  if (cut.length > 0) return { error: new CofferError(code, { object }), blobs: [...faults, ...cut] }
  const first = faults[0]
  if (!first) return undefined
  return {
    error: new CofferError('pack_altered', { object, blob: blobs[first.blob]?.ordinal ?? -1, reason: first.reason }),
    blobs: faults,
  }
}

async function fetchInto(
  destination: Destination,
  object: string,
  { start, length }: { start: number; length: number },
  buffer: Uint8Array<SharedArrayBuffer>,
): Promise<Uint8Array<SharedArrayBuffer> | undefined> {
  const bytes = await destination.get(object, { offset: start, length }, buffer)
  if (!bytes) return undefined
  // A destination may have memory of its own; only ours may be transferred. It is never believed to have kept to the length.
  const taken = Math.min(bytes.length, length)
  if (bytes.buffer !== buffer.buffer || bytes.byteOffset !== 0) buffer.set(bytes.subarray(0, taken))
  return buffer.subarray(0, taken)
}
