/**
 * Worker threads, as core sees them. The programs they run lie in main/engine; the composition root passes in how to
 * start one, so that core imports nothing of the engine.
 */
import type { Worker } from 'node:worker_threads'
import { availableParallelism } from 'node:os'

export type WorkerProgram = 'seal' | 'open'
/** Starts a worker with `data` as its workerData. */
export type StartWorker = (program: WorkerProgram, data: unknown) => Worker

/** How many workers a job starts. */
export function workerCount(): number {
  return Math.max(1, Math.min(availableParallelism(), 4))
}

/**
 * A copy in memory of its own, for messages: what is sent of a view is all the memory behind it, and small buffers
 * share 64 KiB with others. A hash of 32 bytes would be 64 KiB on its way, and as much for as long as it is held.
 */
export function alone(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
