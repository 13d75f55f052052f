/** The store's thread: owns the SQLite connections of one snapshot. Runs what store-work.ts lists, one at a time. */
import { parentPort } from 'node:worker_threads'
import type { Database } from 'better-sqlite3'
import { CofferError } from '../../../contract/errors.ts'
import type { NamedMedia, Schema } from './kind.ts'
import { openDatabase, readSchema, storeFailure } from './open-database.ts'
import { kindNamed, recognise } from './registry.ts'
import type { StoreOperation, StoreReply, StoreRequest, StoreWork } from './store-work.ts'

interface Opened {
  path: string
  db: Database
  schema?: Schema
  media?: Iterator<NamedMedia>
}

const opened: Opened[] = []

const work: { [O in StoreOperation]: (input: StoreWork[O]['input']) => StoreWork[O]['output'] } = {
  openCopy({ path, recover }) {
    if (recover) {
      const db = openDatabase(path, { readonly: false, wait: 0 })
      try {
        // Reading rolls a hot journal back; the checkpoint moves the log's pages into the file.
        db.pragma('wal_checkpoint(truncate)')
      } finally {
        db.close()
      }
    }
    opened.push({ path, db: openDatabase(path, { readonly: true, wait: 0 }) })
    return { database: opened.length - 1 }
  },

  recognise: ({ database }) => ({ kind: recognise(schemaOf(at(database))).name }),

  summarise: ({ database, kind }) => kindNamed(kind).summarise(at(database).db, schemaOf(at(database))),

  nextNamedMedia({ database, kind }) {
    const store = at(database)
    store.media ??= kindNamed(kind).namedMedia(store.db, schemaOf(store))[Symbol.iterator]()
    const batch: NamedMedia[] = []
    while (batch.length < 1000) {
      const { done, value } = store.media.next()
      if (done) break
      batch.push(value)
    }
    if (batch.length === 0) delete store.media
    return batch
  },

  quickCheck({ database }) {
    const lines = at(database).db.prepare<[], string>('pragma quick_check(100)').pluck().all()
    return lines.length === 1 && lines[0] === 'ok' ? [] : lines
  },

  closeAll() {
    for (const { db, media } of opened) {
      media?.return?.()
      db.close()
    }
    opened.length = 0
    return null
  },
}

function at(database: number): Opened {
  const store = opened[database]
  if (!store) throw new Error(`database ${database} is not open`)
  return store
}

function schemaOf(store: Opened): Schema {
  return (store.schema ??= readSchema(store.db))
}

parentPort?.on('message', (request: StoreRequest) => {
  parentPort?.postMessage(answer(request))
})

function answer({ id, operation, input }: StoreRequest): StoreReply {
  try {
    // Only StoreThread.ask sends requests, typed by the same table: the input belongs to the operation.
    const run = work[operation] as (input: unknown) => unknown
    return { id, ok: true, value: run(input) }
  } catch (thrown) {
    const error = storeFailure(thrown, '')
    if (error instanceof CofferError) return { id, ok: false, code: error.code, detail: error.detail }
    return { id, ok: false, code: null, message: `${operation}: ${error.message}` }
  }
}
