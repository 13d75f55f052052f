/** Starts the programs beside this file as worker threads, from TypeScript in a checkout and from JavaScript in a build. */
import { Worker } from 'node:worker_threads'
import type { StartWorker } from '../core/archive/workers.ts'

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/**
 * A small young generation keeps V8 from growing a heap in each worker: their data lies outside it, in buffers that
 * are allocated once and passed to and fro.
 */
export const startWorker: StartWorker = (program, data) =>
  new Worker(new URL(`./${program}-worker.${extension}`, import.meta.url), {
    workerData: data,
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
    // An open worker makes files and hands them over open; Node would take the descriptors for its own.
    trackUnmanagedFds: false,
  })
