/**
 * The workers that open blobs, and the buffers that go to and fro between them and the destination. There is a fixed
 * number of buffers, shared and never copied: memory is bounded by them, whatever the archive holds. (Handing one over
 * instead would count as megabytes more to the garbage collector each time, and keep it busy.)
 */
import type { Worker } from 'node:worker_threads'
import type { ArchiveKeys } from '../../keys/subkeys.ts'
import type { ArchiveId } from '../format/names.ts'
import { endOfWork } from './open-service.ts'
import type { OpenResult, OpenTask, OpenWorkerData } from './open-task.ts'
import { rangeBytes } from './ranges.ts'
import { type StartWorker, workerCount } from '../workers.ts'

const smallBytes = 64 * 1024

interface Member {
  worker: Worker
  waiting: Map<number, { resolve(result: OpenResult): void; reject(error: unknown): void }>
}

export class OpenPool {
  readonly #members: Member[]
  readonly #free: Uint8Array<SharedArrayBuffer>[] = []
  readonly #wanting: { resolve(buffer: Uint8Array<SharedArrayBuffer>): void; reject(error: unknown): void }[] = []
  #left: number
  #next = 0
  #failure: unknown

  constructor(startWorker: StartWorker, archive: ArchiveId, keys: ArchiveKeys) {
    const count = workerCount()
    // For each worker one that it opens and one that waits for it, and one that is being fetched.
    this.#left = count * 2 + 1
    const data: OpenWorkerData = { archive, blobs: keys.blobs, pageHash: keys.pageHash, pieceHash: keys.pieceHash }
    this.#members = Array.from({ length: count }, () => this.#start(startWorker('open', data)))
  }

  /**
   * A buffer of at least `length` bytes (at most `rangeBytes`), as soon as there is one: this is what keeps a job from
   * running ahead of its workers.
   */
  async buffer(length: number): Promise<Uint8Array<SharedArrayBuffer>> {
    if (this.#failure !== undefined) throw this.#failure
    let buffer = this.#free.pop()
    if (!buffer && this.#left === 0)
      buffer = await new Promise<Uint8Array<SharedArrayBuffer>>((resolve, reject) =>
        this.#wanting.push({ resolve, reject }),
      )
    if (!buffer) this.#left--
    if (buffer && buffer.length >= length) return buffer
    // A small archive never needs large ones; one that turned out too small is left to the garbage collector.
    return new Uint8Array(new SharedArrayBuffer(length <= smallBytes ? smallBytes : rangeBytes))
  }

  /** Gives back a buffer that was not needed. */
  release(buffer: Uint8Array<SharedArrayBuffer>): void {
    const whole = new Uint8Array(buffer.buffer)
    const next = this.#wanting.shift()
    if (next) next.resolve(whole)
    else this.#free.push(whole)
  }

  /** Has a worker do a task; its buffer is back in the pool afterwards. */
  async run(task: Omit<OpenTask, 'id'>): Promise<Omit<OpenResult, 'id'>> {
    if (this.#failure !== undefined) throw this.#failure
    const member = this.#members.reduce((least, one) => (one.waiting.size < least.waiting.size ? one : least))
    const id = this.#next++
    const result = await new Promise<OpenResult>((resolve, reject) => {
      member.waiting.set(id, { resolve, reject })
      const message: OpenTask = { id, ...task }
      member.worker.postMessage(message)
    })
    this.release(task.bytes)
    return result
  }

  /** Ends the workers once they have done what they were given; they wipe their keys. */
  async close(): Promise<void> {
    await Promise.all(
      this.#members.map(
        ({ worker }) =>
          new Promise<void>((resolve) => {
            if (worker.threadId === -1) return resolve()
            worker.once('exit', () => resolve())
            worker.postMessage(endOfWork)
          }),
      ),
    )
  }

  #start(worker: Worker): Member {
    const member: Member = { worker, waiting: new Map() }
    worker.on('message', (result: OpenResult) => {
      member.waiting.get(result.id)?.resolve(result)
      member.waiting.delete(result.id)
    })
    const fail = (error: unknown): void => {
      this.#failure ??= error
      for (const { reject } of member.waiting.values()) reject(error)
      member.waiting.clear()
      // Its buffers are gone with it, so whoever waits for one might wait for ever.
      for (const { reject } of this.#wanting.splice(0)) reject(error)
    }
    worker.on('error', fail)
    worker.on('exit', () => fail(new Error('an open worker ended')))
    return member
  }
}
