/**
 * A message store, opened: what it holds, and a snapshot of it for the archive.
 *
 *     const store = await openStore({ path: 'msgstore.db', tmp: '/…/tmp' })
 *     const { chats, messages } = await store.inspect()
 *     const snapshot = await store.snapshot({ signal, onProgress })
 *     try { … snapshot.databases, snapshot.media, snapshot.summarise() … } finally { await snapshot.close() }
 */
import { realpath, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { CofferError } from '../../../contract/errors.ts'
import type { OnProgress } from '../jobs/progress.ts'
import { isClaimed } from './claims.ts'
import { fileFailure } from './file-errors.ts'
import { look } from './look.ts'
import { storeKinds } from './registry.ts'
import type { Inspection, StoreSnapshot } from './store.ts'
import { takeSnapshot } from './take-snapshot.ts'
import { unsupportedAt } from './unsupported.ts'

export interface OpenOptions {
  /** A database, or a folder that contains a store under its usual name. */
  path: string
  /** Folders of media that belong to it, in addition to those that its kind has beside the database. */
  media?: readonly string[]
  /** Where private copies are made, under COFFER_HOME; created 0700 when needed. */
  tmp: string
  /** How often a locked store, or one that changes while it is copied, is tried again, ten times a second. Default 50 and 20. */
  patience?: { locked: number; changed: number }
}

export interface SnapshotOptions {
  signal?: AbortSignal
  /** Phase `snapshot`, bytes copied; none where nothing needs copying. */
  onProgress?: OnProgress
}

export interface Store {
  /** The database, absolute, links resolved. */
  readonly path: string
  /** Counts everything, from a snapshot of its own; about a second for a million messages. */
  inspect(options?: SnapshotOptions): Promise<Inspection>
  /** The store at this moment. Whoever takes it must close it; until then a store its owner has open may grow its log. */
  snapshot(options?: SnapshotOptions): Promise<StoreSnapshot>
}

/**
 * Finds the store at a path. Throws store_not_found, store_empty, store_encrypted, store_unsupported,
 * store_no_permission; `inspect` and `snapshot` also store_locked, store_corrupt, store_changed, local_full,
 * cancelled.
 */
export async function openStore({
  path: given,
  media = [],
  tmp,
  patience = { locked: 50, changed: 20 },
}: OpenOptions): Promise<Store> {
  const named = await findDatabase(resolve(given))
  const path = await realpath(named)
  await requireReadable(path)
  const snapshot = (options: SnapshotOptions = {}) =>
    takeSnapshot({ path, name: basename(named), media, tmp, patience, ...options })
  return {
    path,
    snapshot,
    async inspect(options) {
      const taken = await snapshot(options)
      try {
        return await describe(taken)
      } finally {
        await taken.close()
      }
    },
  }
}

async function describe(taken: StoreSnapshot): Promise<Inspection> {
  const media = { files: 0, bytes: 0 }
  for await (const batch of taken.namedMedia()) {
    media.files += batch.length
    for (const { bytes } of batch) media.bytes += bytes
  }
  const databases = taken.databases.map(({ path, source }) => ({
    path,
    pageSize: source.pageSize,
    pages: source.pageCount,
  }))
  return { kind: taken.kind, ...(await taken.summarise()), media, databases }
}

async function findDatabase(path: string): Promise<string> {
  try {
    if (isClaimed(await realpath(path))) return path
    const unsupported = await unsupportedAt(path)
    if (unsupported) throw unsupported
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

/** Throws what is wrong with the file itself, before anything is prepared. */
async function requireReadable(path: string): Promise<void> {
  if (isClaimed(path)) return
  let seen
  try {
    if (!(await stat(path)).isFile()) throw new CofferError('store_not_found', { path })
    seen = await look(path)
  } catch (error) {
    throw fileFailure(error, path)
  }
  if (seen.size === 0) throw new CofferError('store_empty', { path })
  if (!seen.header) throw new CofferError('store_encrypted', { path })
}
