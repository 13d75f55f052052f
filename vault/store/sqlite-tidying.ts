/** When the write-ahead log is copied into the database: now and then, beside the groups. */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

/** Rows written between two copyings: some 40 MB of log. More often, and more logins would meet one. */
const rowsBetween = 200

export interface Tidying {
  /** After a commit of so many rows. */
  wrote(rows: number): void
  close(): Promise<void>
}

/**
 * The log is copied twice: first beside the groups, which is most of it, and then, `betweenGroups`, what came meanwhile.
 * Only a log that was copied to its end is written from its beginning again, instead of growing. Both are the thread's
 * work, so that this one goes on answering.
 */
export function tidying(file: string, betweenGroups: (copy: () => Promise<void>) => Promise<void>): Tidying {
  let rows = 0
  let worker: Worker | undefined
  let busy = false
  let copied: (() => void) | undefined
  return {
    wrote(count) {
      rows += count
      if (rows < rowsBetween || busy) return
      rows = 0
      busy = true
      // What hinders it hinders the next group as well, and is told there.
      void copy()
        .then(() => betweenGroups(copy))
        .catch(() => undefined)
        .finally(() => (busy = false))
    },
    async close() {
      await worker?.terminate()
      copied?.()
    },
  }

  /** Resolves when the thread has done what it can. */
  function copy(): Promise<void> {
    worker ??= start()
    worker.postMessage(file)
    return new Promise((resolve) => (copied = resolve))
  }

  function start(): Worker {
    // Beside this file, as source and when built.
    const started = new Worker(new URL(`./sqlite-tidy-worker${extname(import.meta.url)}`, import.meta.url))
    started.unref()
    started.on('message', () => copied?.())
    // Without the thread the log is copied by the groups, when it has become too long. Nobody may wait for it then.
    started.on('error', () => undefined)
    started.once('exit', () => {
      worker = undefined
      copied?.()
    })
    return started
  }
}
