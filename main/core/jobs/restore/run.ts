/** What the parts of one restore share: workers, progress, cancelling, the queue to the disk, faults worked round. */
import { fsync } from 'node:fs'
import { promisify } from 'node:util'
import { CofferError, type Warning } from '../../../../contract/errors.ts'
import { localFailure } from '../../archive/read/local-failure.ts'
import { OpenPool } from '../../archive/read/open-pool.ts'
import { type OnProgress, throwIfCancelled } from '../progress.ts'
import type { Session } from '../session.ts'

const fsyncSoon = promisify(fsync)

/**
 * How many files are flushed at a time: enough that a disk writes several names down at once. Each occupies one of
 * Node's four file system threads while it waits for the disk; one is left to reading.
 */
const parallelSyncs = 3

export interface RunOptions {
  salvage: boolean
  signal: AbortSignal
  onProgress: OnProgress
}

export class RestoreRun {
  readonly session: Session
  readonly pool: OpenPool
  readonly salvage: boolean
  /** Damage that a salvaging restore worked round: each object's first. */
  readonly faults = new Map<string, Warning>()
  /** Bytes to write, once that is known. */
  total = 0
  /** Bytes written. */
  written = 0
  readonly #options: RunOptions
  #stopped = false
  #syncing = 0
  readonly #waiting: (() => void)[] = []
  readonly #watching: (() => void)[] = []

  constructor(session: Session, options: RunOptions) {
    this.session = session
    this.pool = new OpenPool(session.startWorker, session.archive, session.keys)
    this.salvage = options.salvage
    this.#options = options
  }

  /** Throws `cancelled` once the person has asked to stop. */
  check(): void {
    throwIfCancelled(this.#options.signal)
    if (this.#stopped) throw new CofferError('cancelled')
  }

  /** Makes all that is under way end at its next check, because something else has failed. */
  stop(): void {
    this.#stopped = true
  }

  /** What `work` comes to; `cancelled` at once if the person asks to stop meanwhile. */
  async unlessCancelled<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#options
    let stop: (() => void) | undefined
    const cancelled = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', (stop = () => reject(new CofferError('cancelled')))),
    )
    try {
      this.check()
      return await Promise.race([work, cancelled])
    } finally {
      if (stop) signal.removeEventListener('abort', stop)
    }
  }

  /** Notes damage that was worked round. */
  readonly fault = ({ code, detail }: CofferError): void => {
    const key = `${code} ${String(detail['object'] ?? detail['database'] ?? detail['path'])}`
    if (!this.faults.has(key)) this.faults.set(key, { code, detail })
  }

  /** Tells that bytes of `item` were written. */
  wrote(bytes: number, item: string): void {
    this.written += bytes
    this.#options.onProgress({ phase: 'write', done: this.written, total: this.total, item })
  }

  /** Tells that `item` is being checked. */
  checking(item: string): void {
    this.#options.onProgress({ phase: 'check', done: this.written, total: this.total, item })
  }

  /** Brings a file to the disk; at most three at a time, the others wait for their turn. */
  async sync(fd: number, path: string): Promise<void> {
    if (this.#syncing >= parallelSyncs) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#syncing++
    try {
      await fsyncSoon(fd)
    } catch (error) {
      throw localFailure(error, path)
    } finally {
      // The turn is passed on, so the count stays as it is while anyone waits.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#syncing--
      for (const watch of this.#watching.splice(0)) watch()
    }
  }

  /** Waits until fewer than `most` files wait for the disk. */
  async unsyncedBelow(most: number): Promise<void> {
    while (this.#waiting.length >= most) await new Promise<void>((resolve) => this.#watching.push(resolve))
  }

  close(): Promise<void> {
    return this.pool.close()
  }
}
