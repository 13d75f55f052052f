/** When the write-ahead log is copied into the database: now and then, beside the groups. */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

/** Rows written between two copyings: about 16 MB of log. */
const rowsBetween = 400

export interface Tidying {
  /** After a commit of so many rows. */
  wrote(rows: number): void
  close(): Promise<void>
}

/**
 * `finish` copies what came into the log meanwhile, and so is called between two groups: only a log that was copied to
 * its end is written from its beginning again, instead of growing.
 */
export function tidying(file: string, finish: () => Promise<void>): Tidying {
  let rows = 0
  let worker: Worker | undefined
  let busy = false
  return {
    wrote(count) {
      rows += count
      if (rows < rowsBetween || busy) return
      rows = 0
      busy = true
      worker ??= start()
      worker.postMessage(file)
    },
    async close() {
      await worker?.terminate()
    },
  }

  function start(): Worker {
    // Beside this file, as source and when built.
    const started = new Worker(new URL(`./sqlite-tidy-worker${extname(import.meta.url)}`, import.meta.url))
    started.unref()
    started.on('message', () => {
      // What hinders it hinders the next group as well, and is told there.
      void finish()
        .catch(() => undefined)
        .finally(() => (busy = false))
    })
    // Without the thread the log is copied by the groups, when it has become too long.
    started.on('error', () => undefined)
    return started
  }
}
