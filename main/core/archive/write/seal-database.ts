/**
 * Sealing what changed in one database: every page is hashed and compared with the mirrored map; what differs is
 * looked up by hash, and sealed only when it is nowhere yet.
 */
import type { PageSourceSpec } from '../../stores/page-source.ts'
import type { Placed } from '../format/blob.ts'
import { pageHashBytes } from '../format/limits.ts'
import { chunkPages, rowBytes } from '../local/page-cache.ts'
import type { LocalState } from '../local/state.ts'
import type { PagePlace } from '../local/hash-index.ts'
import type { PackId } from '../format/names.ts'
import { alone } from '../workers.ts'
import type { PackLanding } from './pack-landing.ts'
import type { SealPool, SealWorker } from './seal-pool.ts'

/** Until this much is to be sealed only one worker does, so that a day's backup is one pack and not several. */
const oneWriterBytes = 64 * 1024 * 1024
/**
 * Chunks under way per worker. Files are sealed at the same time, two requests a worker, so that none waits while the
 * hashes of its chunk are looked up; and as databases take computing and files the disk, both then end together.
 */
const ahead = 1

/** A chunk of pages that is waiting for some of its pages to be sealed. */
interface WaitingChunk {
  rows: Buffer
  missing: number
}

export interface SealedDatabase {
  /** One bit a page: whether it differs from the mirrored snapshot. */
  changed: Uint8Array
  changedCount: number
}

export class DatabaseSealer {
  private readonly state: LocalState
  private readonly pool: SealPool
  private readonly landing: PackLanding
  private readonly onBytes: (bytes: number) => void
  private path = ''
  private per = 0
  private pageSize = 0
  private waiting = new Map<number, WaitingChunk>()
  private sealing = 0

  constructor(state: LocalState, pool: SealPool, landing: PackLanding, onBytes: (bytes: number) => void) {
    this.state = state
    this.pool = pool
    this.landing = landing
    this.onBytes = onBytes
  }

  /** Whether there is so much to seal that every worker does, each into packs of its own. */
  get manyWrite(): boolean {
    return this.sealing >= oneWriterBytes
  }

  /** Bytes that are known to be sealed, for deciding how many workers write. */
  expect(bytes: number): void {
    this.sealing += bytes
  }
  get writers(): readonly SealWorker[] {
    return this.manyWrite ? this.pool.workers : this.pool.workers.slice(0, 1)
  }

  /** Seals a database; its pending chunks then hold the place of every page that changed. */
  async seal(path: string, source: PageSourceSpec): Promise<SealedDatabase> {
    this.path = path
    this.pageSize = source.pageSize
    this.per = chunkPages(source.pageSize)
    this.waiting = new Map()
    const mirrored = this.state.pages.database(path)
    // Another page size: nothing can be compared by position. What lies in the index is still found by hash.
    const comparable = mirrored?.pageSize === source.pageSize
    if (!mirrored) this.expect(source.pageCount * source.pageSize)
    const lookUp = this.state.index.hasPages
    const result: SealedDatabase = { changed: new Uint8Array(Math.ceil(source.pageCount / 8)), changedCount: 0 }

    this.pool.setSource(source)
    const chunks = Math.ceil(source.pageCount / this.per)
    let next = 0
    const lane = async (worker: SealWorker) => {
      while (next < chunks) {
        const chunk = next++
        const first = chunk * this.per
        const count = Math.min(this.per, source.pageCount - first)
        const prior = comparable ? this.state.pages.rows(path, chunk) : undefined
        const { slot, changed, hashes } = await worker.hashPages(first, count, prior)
        if (changed.length > 0) {
          for (const i of changed) mark(result.changed, first + i)
          result.changedCount += changed.length
          this.place(worker, slot, chunk, { count, prior, changed, hashes, lookUp })
        }
        this.onBytes(count * source.pageSize)
      }
    }
    await Promise.all(this.pool.workers.flatMap((worker) => Array.from({ length: ahead }, () => lane(worker))))
    await this.pool.settle({ packs: false })
    if (this.waiting.size > 0) throw new Error('pages were neither found nor sealed')
    return result
  }

  /** A run of pages was sealed: their chunks learn the place. */
  sealed(pack: PackId, placed: Placed, pages: readonly number[], hashes: Buffer): void {
    const blob = this.landing.pages(pack, placed, hashes)
    pages.forEach((page, index) => {
      const chunk = Math.floor(page / this.per)
      const waiting = this.waiting.get(chunk)
      if (!waiting) throw new Error('a page that nobody waits for')
      setPlace(waiting.rows, page - chunk * this.per, { blob, index })
      if (--waiting.missing === 0) this.finishChunk(chunk, waiting)
    })
  }

  private place(
    worker: SealWorker,
    slot: number,
    chunk: number,
    found: { count: number; prior: Buffer | undefined; changed: number[]; hashes: Buffer; lookUp: boolean },
  ): void {
    const rows = Buffer.alloc(found.count * rowBytes)
    found.prior?.copy(rows, 0, 0, Math.min(found.prior.length, rows.length))
    const toSeal: number[] = []
    found.changed.forEach((page, i) => {
      const at = i * pageHashBytes
      found.hashes.copy(rows, page * rowBytes, at, at + pageHashBytes)
      const known = found.lookUp ? this.state.index.page(found.hashes.subarray(at, at + pageHashBytes)) : undefined
      if (known) setPlace(rows, page, known)
      else toSeal.push(page)
    })
    if (toSeal.length === 0) {
      worker.send({ op: 'keep', slot, indices: [] })
      return this.finishChunk(chunk, { rows, missing: 0 })
    }
    this.waiting.set(chunk, { rows, missing: toSeal.length })
    this.expect(toSeal.length * this.pageSize)
    const { writers } = this
    if (writers.includes(worker)) return worker.send({ op: 'keep', slot, indices: toSeal })
    worker.send({ op: 'keep', slot, indices: [] })
    const first = chunk * this.per
    const hashes = Buffer.concat(toSeal.map((page) => rows.subarray(page * rowBytes, page * rowBytes + pageHashBytes)))
    writers[0]?.send({ op: 'take', pages: toSeal.map((page) => first + page), hashes: alone(hashes) })
  }

  private finishChunk(chunk: number, { rows }: WaitingChunk): void {
    this.waiting.delete(chunk)
    this.state.pages.putPending(this.path, chunk, rows)
  }
}

function setPlace(rows: Buffer, page: number, { blob, index }: PagePlace): void {
  rows.writeUInt32LE(blob, page * rowBytes + pageHashBytes)
  rows.writeUInt16LE(index, page * rowBytes + pageHashBytes + 4)
}

function mark(bits: Uint8Array, page: number): void {
  bits[page >> 3] = (bits[page >> 3] ?? 0) | (1 << (page & 7))
}
