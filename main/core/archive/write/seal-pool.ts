/**
 * The seal workers as the planning thread sees them: requests that can be awaited, and packs that arrive when they
 * are full. One failure fails them all; nothing is lost by it, since what has landed is journalled.
 */
import type { Worker } from 'node:worker_threads'
import { CofferError } from '../../../../contract/errors.ts'
import type { PageSourceSpec } from '../../stores/page-source.ts'
import type { Placed } from '../format/blob.ts'
import type { ArchiveContext } from '../context.ts'
import type { PackId } from '../format/names.ts'
import { type StartWorker, workerCount } from '../workers.ts'
import { packMemory } from './pack-memory.ts'
import type { FromWorker, PieceRequest, PieceResult, SealWorkerData, ToWorker } from './seal-messages.ts'

export interface SealEvents {
  run(pack: PackId, placed: Placed, pages: number[], hashes: Buffer): void
  piece(pack: PackId, placed: Placed, hash: Buffer): void
  /** Uploads a full pack and journals it; the buffer is lent until `onTaken` is called or the promise settles. */
  packed(id: PackId, bytes: Buffer, onTaken: () => void): Promise<void>
  /** An id for a pack to come, journalled. */
  nextPack(): PackId
}

export interface HashedPages {
  slot: number
  changed: number[]
  hashes: Buffer
}

/** Starts the threads. They take a moment to be ready, during which something else can be done. */
export function startSealWorkers({ archive, keys }: ArchiveContext, startWorker: StartWorker): SealWorker[] {
  const data: SealWorkerData = { archive, blobs: keys.blobs, pageHash: keys.pageHash, pieceHash: keys.pieceHash }
  return Array.from({ length: workerCount() }, () => new SealWorker(startWorker('seal', data)))
}

export class SealPool {
  readonly workers: SealWorker[]
  private readonly uploads = new Set<Promise<void>>()
  /**
   * Shared with the workers rather than handed to and fro: each hand-over counts as 20 MB more to the garbage
   * collector, which then never rests. At any time one side alone writes: who holds the message that names it.
   */
  private readonly buffers: SharedArrayBuffer[] = []
  private readonly wanting: SealWorker[] = []
  private allocated = 0
  private failure: unknown
  private closing = false

  constructor(workers: SealWorker[], events: SealEvents) {
    this.workers = workers
    for (const worker of workers) {
      worker.onFailure = (error) => this.fail(error)
      worker.onEvent = (message) => {
        // What is told writes to this computer's disk, which may be full; thrown from here, nobody would catch it.
        try {
          this.handle(worker, message, events)
        } catch (error) {
          this.fail(error)
        }
      }
      worker.send({ op: 'supply', id: events.nextPack() })
    }
  }

  /** Names the database whose pages come next; no run may be open. */
  setSource(source: PageSourceSpec): void {
    for (const worker of this.workers) worker.send({ op: 'source', source })
  }

  /**
   * Seals what is begun; with `packs`, also finishes the packs begun and waits until those and all before them have
   * landed. Others may go on asking for more meanwhile.
   */
  async settle({ packs }: { packs: boolean }): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.end('endRun')))
    if (!packs) return
    await Promise.all(this.workers.map((worker) => worker.end('endPack')))
    await Promise.all([...this.uploads])
    if (this.failure !== undefined) throw this.failure
  }

  /** A buffer for one pack that no worker needs any more, if there is one. */
  spareBuffer(): SharedArrayBuffer | undefined {
    return this.buffers.pop()
  }

  /** Fails every request under way and to come: for cancelling, and for errors elsewhere. */
  fail(error: unknown): void {
    if (this.closing) return
    this.failure ??= error
    for (const worker of this.workers) worker.fail(error)
  }

  /** Ends the threads, after the uploads under way. */
  async close(): Promise<void> {
    this.closing = true
    await Promise.allSettled(this.uploads)
    await Promise.all(this.workers.map((worker) => worker.terminate()))
    this.buffers.length = 0
  }

  private handle(worker: SealWorker, message: SealEvent, events: SealEvents): void {
    if (message.op === 'run') events.run(message.pack, message.placed, message.pages, view(message.hashes))
    else if (message.op === 'piece') events.piece(message.pack, message.placed, view(message.hash))
    else if (message.op === 'wantBuffer') this.wantBuffer(worker)
    else this.upload(worker, message, events)
  }

  /**
   * One pack being filled per worker and one more that is being handed over: each is 16 MiB and more. Handed-over ones
   * that are not durable yet hold nothing here; Node's four threads bound how many of those a folder has.
   */
  private wantBuffer(worker: SealWorker): void {
    const buffer =
      this.buffers.pop() ?? (this.allocated < this.workers.length + 1 ? (this.allocated++, packMemory()) : undefined)
    if (buffer) worker.send({ op: 'supply', buffer })
    else this.wanting.push(worker)
  }
  private giveBack(buffer: SharedArrayBuffer): void {
    const worker = this.wanting.shift()
    if (worker) worker.send({ op: 'supply', buffer })
    else this.buffers.push(buffer)
  }

  private upload(
    worker: SealWorker,
    { id, buffer, length }: Extract<FromWorker, { op: 'packed' }>,
    events: SealEvents,
  ): void {
    worker.send({ op: 'supply', id: events.nextPack() })
    // A disk that is slow to make one pack durable does not keep the next from being filled.
    let lent = true
    const back = () => {
      if (lent) this.giveBack(buffer)
      lent = false
    }
    const upload = events
      .packed(id, Buffer.from(buffer, 0, length), back)
      .then(back)
      .catch((error: unknown) => this.fail(error))
      .finally(() => this.uploads.delete(upload))
    this.uploads.add(upload)
  }
}

type SealEvent = Extract<FromWorker, { op: 'run' | 'piece' | 'packed' | 'wantBuffer' }>

export class SealWorker {
  onEvent: (message: SealEvent) => void = () => undefined
  onFailure: (error: unknown) => void = () => undefined
  private readonly thread: Worker
  private readonly pending = new Map<
    number,
    { resolve: (message: FromWorker) => void; reject: (error: unknown) => void }
  >()
  private next = 1
  private failure: unknown

  constructor(thread: Worker) {
    this.thread = thread
    thread.on('message', (message: FromWorker) => this.receive(message))
    thread.on('error', (error) => {
      // Kept too, for whoever asks it something only later.
      this.fail(error)
      this.onFailure(error)
    })
  }

  send(message: ToWorker): void {
    this.thread.postMessage(message)
  }

  async hashPages(first: number, count: number, prior: Buffer | undefined): Promise<HashedPages> {
    const slot = this.next++
    const answer = await this.request(slot, { op: 'hashPages', slot, first, count, prior })
    if (answer.op !== 'pagesHashed') throw new Error('an answer to another question')
    return { slot, changed: answer.changed, hashes: view(answer.hashes) }
  }

  async hashPieces(pieces: PieceRequest[]): Promise<{ slot: number; results: PieceResult[] }> {
    const slot = this.next++
    const answer = await this.request(slot, { op: 'hashPieces', slot, pieces })
    if (answer.op !== 'piecesHashed') throw new Error('an answer to another question')
    return { slot, results: answer.results }
  }

  async end(op: 'endRun' | 'endPack'): Promise<void> {
    const ticket = this.next++
    await this.request(ticket, { op, ticket })
  }

  fail(error: unknown): void {
    this.failure ??= error
    for (const { reject } of this.pending.values()) reject(error)
    this.pending.clear()
  }

  async terminate(): Promise<void> {
    await this.thread.terminate()
  }

  private request(id: number, message: ToWorker): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure)
      this.pending.set(id, { resolve, reject })
      this.send(message)
    })
  }

  private receive(message: FromWorker): void {
    switch (message.op) {
      case 'pagesHashed':
      case 'piecesHashed':
        return this.answer(message.slot, message)
      case 'ended':
        return this.answer(message.ticket, message)
      case 'failed':
        return this.onFailure(new CofferError('store_changed', { reason: message.reason }))
      default:
        if (this.failure === undefined) this.onEvent(message)
    }
  }

  private answer(id: number, message: FromWorker): void {
    this.pending.get(id)?.resolve(message)
    this.pending.delete(id)
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
