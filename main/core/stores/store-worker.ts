/** The store's thread: owns the SQLite connections of one snapshot. Runs what store-work.ts lists, one at a time. */
import { parentPort } from 'node:worker_threads'
import type { Database } from 'better-sqlite3'
import { CofferError } from '../../../contract/errors.ts'
import { guard, type Guard } from './guard.ts'
import type { NamedMedia, Schema } from './kind.ts'
import { limitCache, openDatabase, readSchema, storeFailure } from './open-database.ts'
import { pin } from './pin.ts'
import { quickCheck } from './quick-check.ts'
import { kindNamed, recognise } from './registry.ts'
import type { StoreOperation, StoreReply, StoreRequest, StoreWork } from './store-work.ts'

interface Opened {
  db: Database
  schema?: Schema
  media?: Iterator<NamedMedia>
}

const opened: Opened[] = []
let guarded: Guard | undefined

type Output<O extends StoreOperation> = StoreWork[O]['output'] | Promise<StoreWork[O]['output']>

const work: { [O in StoreOperation]: (input: StoreWork[O]['input']) => Output<O> } = {
  guard({ path }) {
    guarded?.release()
    guarded = guard(path)
    return guarded.verdict
  },

  unguard() {
    guarded?.release()
    guarded = undefined
    return null
  },

  pin({ path, pageSize, files }) {
    const pinned = pin(path, pageSize, files)
    if (typeof pinned === 'string') return pinned
    opened.push({ db: pinned.connection })
    return { database: opened.length - 1, pages: pinned.pages }
  },

  async backup({ database, to, stop }) {
    const store = at(database)
    const stopped = new Int32Array(stop)
    const progress = () => {
      if (Atomics.load(stopped, 0) !== 0) throw new CofferError('cancelled')
      return 100
    }
    const { totalPages } = await store.db.backup(to, { progress })
    store.db.close()
    store.db = openCopy(to)
    return { pages: totalPages }
  },

  openCopy({ path, recover }) {
    if (recover) recoverCopy(path)
    opened.push({ db: openCopy(path) })
    return { database: opened.length - 1 }
  },

  recognise({ database }) {
    const { kind, newerThan } = recognise(schemaOf(at(database)))
    return { kind: kind.name, newerThan: newerThan?.name }
  },

  summarise: ({ database, kind }) => kindNamed(kind).summarise(at(database).db, schemaOf(at(database))),

  nextNamedMedia({ database, kind }) {
    const store = at(database)
    store.media ??= kindNamed(kind).namedMedia(store.db, schemaOf(store))[Symbol.iterator]()
    const batch: NamedMedia[] = []
    while (batch.length < 1000) {
      const next = store.media.next()
      if (next.done === true) break
      batch.push(next.value)
    }
    if (batch.length === 0) delete store.media
    return batch
  },

  quickCheck: ({ database }) => quickCheck(at(database).db),

  closeAll() {
    guarded?.release()
    guarded = undefined
    for (const { db, media } of opened) {
      media?.return?.()
      db.close()
    }
    opened.length = 0
    return null
  },
}

function openCopy(path: string): Database {
  const db = openDatabase(path, { readonly: true, wait: 0 })
  try {
    limitCache(db)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** Lets SQLite bring in what lies in a copy's log or journal, so that the file alone is the database. */
function recoverCopy(path: string): void {
  const db = openDatabase(path, { readonly: false, wait: 0 })
  try {
    // Reading rolls a hot journal back; the checkpoint moves the log's pages into the file.
    db.pragma('wal_checkpoint(truncate)')
  } finally {
    db.close()
  }
}

function at(database: number): Opened {
  const store = opened[database]
  if (!store) throw new Error(`database ${database} is not open`)
  return store
}

function schemaOf(store: Opened): Schema {
  return (store.schema ??= readSchema(store.db))
}

// One after the other: an operation may wait, and the next must find what it left.
let last: Promise<void> = Promise.resolve()
parentPort?.on('message', (request: StoreRequest) => {
  last = last.then(async () => parentPort?.postMessage(await answer(request)))
})

async function answer({ id, operation, input }: StoreRequest): Promise<StoreReply> {
  try {
    // Only StoreThread.ask sends requests, typed by the same table: the input belongs to the operation.
    const run = work[operation] as (input: unknown) => unknown
    return { id, ok: true, value: await run(input) }
  } catch (thrown) {
    const error = storeFailure(thrown)
    if (error instanceof CofferError) return { id, ok: false, code: error.code, detail: error.detail }
    return { id, ok: false, code: null, message: `${operation}: ${error.message}` }
  }
}
