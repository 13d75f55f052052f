/** An open worker's side of the conversation with its pool. */
import type { MessagePort } from 'node:worker_threads'
import { type OpenResult, type OpenTask, type OpenWorkerData, runOpenTask } from './open-task.ts'

/** Says that the worker should end. */
export const endOfWork = 'end'

/** Answers tasks until told to end; then the keys are wiped. */
export function serveOpenTasks(port: MessagePort, keys: OpenWorkerData): void {
  port.on('message', (message: OpenTask | typeof endOfWork) => {
    if (message === endOfWork) {
      for (const key of [keys.blobs, keys.pageHash, keys.pieceHash]) key.fill(0)
      return void port.close()
    }
    const result: OpenResult = { id: message.id, ...runOpenTask(message, keys) }
    port.postMessage(result)
  })
}
