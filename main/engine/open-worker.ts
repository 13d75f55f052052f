/** The program of an open worker: see main/core/archive/read/open-task.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { serveOpenTasks } from '../core/archive/read/open-service.ts'
import type { OpenWorkerData } from '../core/archive/read/open-task.ts'

// Only OpenPool starts this program, with exactly this.
if (parentPort) serveOpenTasks(parentPort, workerData as OpenWorkerData)
