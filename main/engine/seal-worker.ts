/** A seal worker's thread: hands messages to the task. */
import { parentPort, workerData } from 'node:worker_threads'
import type { SealWorkerData, ToWorker } from '../core/archive/write/seal-messages.ts'
import { SealTask } from '../core/archive/write/seal-task.ts'

if (!parentPort) throw new Error('seal-worker runs as a worker thread')
// workerData is whatever startWorker was given; only the seal pool gives it.
const task = new SealTask(workerData as SealWorkerData, parentPort)
parentPort.on('message', (message: ToWorker) => task.receive(message))
