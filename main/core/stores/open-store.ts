/**
 * A message store, opened: what it holds, and a snapshot of it for the archive.
 *
 *     const store = await openStore({ path: 'msgstore.db', tmp: '/…/tmp' })
 *     const { chats, messages } = await store.inspect()
 *     const snapshot = await store.snapshot({ signal, onProgress })
 *     try { … snapshot.databases, snapshot.media, snapshot.summarise() … } finally { await snapshot.close() }
 */
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { CofferError } from '../../../contract/errors.ts'
import type { OnProgress } from '../jobs/progress.ts'
import { fileFailure } from './file-errors.ts'
import { look } from './look.ts'
import { findMedia } from './media-folders.ts'
import { makePrivateFolder, removePrivateFolder } from './private-folder.ts'
import { kindNamed, storeKinds } from './registry.ts'
import { snapshotDatabase, type DatabaseAtOneMoment } from './snapshot-database.ts'
import type { DatabaseSnapshot, Inspection, StoreSnapshot } from './store.ts'
import { StoreThread } from './store-thread.ts'

export interface OpenOptions {
  /** A database, or a folder that contains a store under its usual name. */
  path: string
  /** Folders of media that belong to it, in addition to those that its kind has beside the database. */
  media?: readonly string[]
  /** Where private copies are made, under COFFER_HOME; created 0700 when needed. */
  tmp: string
}

export interface SnapshotOptions {
  signal?: AbortSignal
  /** Phase `snapshot`, bytes copied. */
  onProgress?: OnProgress
}

export interface Store {
  /** The database, absolute, links resolved. */
  readonly path: string
  /** Counts everything, from a snapshot of its own; seconds for millions of messages. */
  inspect(options?: SnapshotOptions): Promise<Inspection>
  /** The store at this moment. Whoever takes it must close it. */
  snapshot(options?: SnapshotOptions): Promise<StoreSnapshot>
}

/**
 * Finds the store at a path. Throws store_not_found, store_empty, store_encrypted, store_unsupported,
 * store_no_permission; `inspect` and `snapshot` also store_locked, store_corrupt, store_changed, local_full,
 * cancelled.
 */
export async function openStore({ path: given, media = [], tmp }: OpenOptions): Promise<Store> {
  const named = await findDatabase(resolve(given))
  const path = await realpath(named)
  await requireReadable(path)
  const name = basename(named)

  const snapshot = (options: SnapshotOptions = {}) => takeSnapshot({ path, name, media, tmp, ...options })
  return {
    path,
    snapshot,
    async inspect(options = {}) {
      const taken = await snapshot(options)
      try {
        const files = { files: 0, bytes: 0 }
        for await (const batch of taken.namedMedia()) {
          files.files += batch.length
          for (const { bytes } of batch) files.bytes += bytes
        }
        const databases = taken.databases.map(({ path, source }) => ({ path, pageSize: source.pageSize, pages: source.pageCount }))
        return { kind: taken.kind, ...(await taken.summarise()), media: files, databases }
      } finally {
        await taken.close()
      }
    },
  }
}

async function findDatabase(path: string): Promise<string> {
  try {
    if (!(await stat(path)).isDirectory()) return path
  } catch (error) {
    throw fileFailure(error, path)
  }
  for (const name of storeKinds.flatMap(({ fileNames }) => fileNames)) {
    const inside = join(path, name)
    if ((await stat(inside).catch(() => undefined))?.isFile()) return inside
  }
  throw new CofferError('store_not_found', { path })
}

async function requireReadable(path: string): Promise<void> {
  let seen
  try {
    seen = await look(path)
  } catch (error) {
    throw fileFailure(error, path)
  }
  if (seen.size === 0) throw new CofferError('store_empty', { path })
  if (!seen.header) throw new CofferError('store_encrypted', { path })
}

async function takeSnapshot(options: { path: string; name: string; media: readonly string[]; tmp: string } & SnapshotOptions): Promise<StoreSnapshot> {
  const { path, name, signal, onProgress } = options
  const folder = await makePrivateFolder(options.tmp)
  const thread = new StoreThread()
  const taken: DatabaseAtOneMoment[] = []
  const close = async () => {
    await thread.close()
    for (const database of taken) database.close()
    await removePrivateFolder(folder)
  }
  try {
    let done = 0
    const take = async (from: string) => {
      const onBytes = (count: number) => onProgress?.({ phase: 'snapshot', done: (done += count), total: 0, item: basename(from) })
      const database = await snapshotDatabase(from, `${taken.length}.db`, { thread, folder, signal, onBytes })
      taken.push(database)
      return database
    }
    const main = await take(path)
    const { kind: kindName } = await thread.ask('recognise', { database: main.database })
    const kind = kindNamed(kindName)
    const databases: DatabaseSnapshot[] = [{ path: name, source: main.source }]
    for (const companion of kind.companions) {
      const beside = join(dirname(path), companion)
      if ((await stat(beside).catch(() => undefined))?.isFile()) databases.push({ path: companion, source: (await take(beside)).source })
    }
    const media = await findMedia({ kind, database: path, given: options.media, taken: databases.map((database) => database.path) })
    const about = { database: main.database, kind: kindName }
    return {
      kind: kindName,
      databases,
      media,
      warnings: [],
      summarise: () => thread.ask('summarise', about),
      async *namedMedia() {
        for (;;) {
          const batch = await thread.ask('nextNamedMedia', about)
          if (batch.length === 0) return
          yield batch
        }
      },
      async quickCheck() {
        const lines: string[] = []
        for (const { database } of taken) lines.push(...(await thread.ask('quickCheck', { database })))
        return lines
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
