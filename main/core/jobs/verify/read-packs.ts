/** Reading every byte of every pack: each blob must open and hold what the pack's index says. */
import { packName, type PackId } from '../../archive/format/names.ts'
import type { IndexedBlob } from '../../archive/format/pack.ts'
import { isDamage } from '../../archive/read/read-blob.ts'
import { Flow } from '../../archive/read/flow.ts'
import { OpenPool } from '../../archive/read/open-pool.ts'
import { openStretch, type Stretch } from '../../archive/read/open-stretch.ts'
import { fetchIndex } from '../../archive/read/pack-index.ts'
import { rangeBlobs, rangeBytes } from '../../archive/read/ranges.ts'
import type { Session } from '../session.ts'
import type { Faults } from './faults.ts'
import type { Listing } from './list-objects.ts'

/** Indexes that are fetched ahead, so that the workers never wait for one. */
const ahead = 2

export interface ReadPacks {
  listing: Listing
  faults: Faults
  check: () => void
  /** Told of bytes that were read. */
  onRead: (bytes: number, object: string) => void
}

/** Adds pack_altered, pack_truncated or pack_missing for every pack that is not whole, named by a snapshot or not. */
export async function readPacks(session: Session, { listing, faults, check, onRead }: ReadPacks): Promise<void> {
  const pool = new OpenPool(session.startWorker, session.archive, session.keys)
  const flow = new Flow()
  try {
    const packs = [...listing.packs]
    const indexes = packs.slice(0, ahead).map(([id, size]) => soon(index(session, id, size, faults)))
    for (const [i, [id, size]] of packs.entries()) {
      const blobs = await indexes.shift()
      const next = packs[i + ahead]
      if (next) indexes.push(soon(index(session, ...next, faults)))
      let read = 0
      for (const stretch of blobs ? stretches(id, size, blobs) : []) {
        const buffer = await pool.buffer(stretch.range.length)
        check()
        flow.start(async () => {
          const fault = await openStretch(session.destination, pool, buffer, stretch)
          if (fault) faults.caught(fault.error)
          onRead(stretch.range.length, packName(id))
        })
        read += stretch.range.length
      }
      onRead(size - read, packName(id))
    }
    await flow.drain()
  } finally {
    await flow.settle()
    await pool.close()
  }
}

async function index(session: Session, id: PackId, size: number, faults: Faults): Promise<IndexedBlob[] | undefined> {
  try {
    return await fetchIndex(session, id, size)
  } catch (error) {
    if (!isDamage(error)) throw error
    faults.caught(error)
    return undefined
  }
}

/** Whoever awaits it later learns of its failure; until then it is nobody's unhandled one. */
function soon<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

/** Cuts a pack, blob after blob, into pieces that fit a buffer. */
function* stretches(id: PackId, size: number, blobs: readonly IndexedBlob[]): Generator<Stretch, void, undefined> {
  let taken: IndexedBlob[] = []
  let length = 0
  const stretch = (): Stretch => ({
    range: { pack: { id, size }, start: taken[0]?.offset ?? 0, length },
    blobs: taken.map(({ kind, ordinal, offset, length: bytes, compressed }) => ({
      kind,
      ordinal,
      offset,
      length: bytes,
      compressed,
    })),
    work: { do: 'check', ...columns(taken) },
  })
  for (const blob of blobs) {
    if (taken.length === rangeBlobs || (length + blob.length > rangeBytes && taken.length > 0)) {
      yield stretch()
      taken = []
      length = 0
    }
    taken.push(blob)
    length += blob.length
  }
  if (taken.length > 0) yield stretch()
}

/** Copies of the hashes in one piece: views would each take the whole index with them to the worker. */
function columns(blobs: readonly IndexedBlob[]): { ends: Uint32Array; hashes: Uint8Array } {
  let at = 0
  const ends = Uint32Array.from(blobs, ({ hashes }) => (at += hashes.length))
  const all = new Uint8Array(at)
  blobs.forEach(({ hashes }, i) => all.set(hashes, i === 0 ? 0 : ends[i - 1]))
  return { ends, hashes: all }
}
