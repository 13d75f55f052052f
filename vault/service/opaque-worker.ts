/** A thread that evaluates: OPAQUE's group operations take a millisecond, and many wait for one. */
import { parentPort } from 'node:worker_threads'
import * as opaque from '@serenity-kit/opaque'
import { type OpaqueTask, perform } from './opaque-task.ts'

await opaque.ready

parentPort?.on('message', ({ id, task }: { id: number; task: OpaqueTask }) => {
  parentPort?.postMessage({ id, answer: perform(task) })
})
