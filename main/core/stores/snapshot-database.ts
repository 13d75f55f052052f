/** One database at one moment, whatever its owner does. */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { rm, statfs, truncate } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { CofferError } from '../../../contract/errors.ts'
import { fileFailure } from './file-errors.ts'
import { look } from './look.ts'
import type { PageSourceSpec } from './page-source.ts'
import { copyQuietly, type CopyOptions } from './quiet-copy.ts'
import type { StoreThread } from './store-thread.ts'

export interface SnapshotContext {
  thread: StoreThread
  /** A private folder of this snapshot. */
  folder: string
  signal?: AbortSignal | undefined
  onBytes?: ((done: number) => void) | undefined
  pause?: ((ms: number) => Promise<void>) | undefined
  now?: (() => Date) | undefined
}

export interface DatabaseAtOneMoment {
  source: PageSourceSpec
  /** Its number in the store's thread. */
  database: number
  close(): void
}

const tries = 8

/** Room left for everything else on the disk that holds the private copy, bytes. */
const spare = 16 * 1024 * 1024

/** Takes the database at `path` (absolute, no link) under the private name `name`. */
export async function snapshotDatabase(path: string, name: string, context: SnapshotContext): Promise<DatabaseAtOneMoment> {
  try {
    const first = await look(path)
    if (first.size === 0) throw new CofferError('store_empty', { path })
    if (!first.header) throw new CofferError('store_encrypted', { path })
    await requireRoom(context.folder, first.size + first.wal.size + first.journal.size)
    const options: CopyOptions = {
      signal: context.signal,
      onBytes: context.onBytes,
      pause: context.pause ?? ((ms) => setTimeout(ms)),
      now: context.now ?? (() => new Date()),
    }
    const to = join(context.folder, name)
    for (let attempt = 1; attempt <= tries; attempt++) {
      const copy = await copyQuietly(path, to, options)
      if (copy !== 'changed') return await openCopy(to, copy.recover, first.header.pageSize, context)
      await Promise.all([rm(to, { force: true }), rm(`${to}-wal`, { force: true })])
      await options.pause(attempt * 50)
    }
    throw new CofferError('store_changed', { path })
  } catch (error) {
    throw fileFailure(error, path)
  }
}

async function openCopy(copy: string, recover: boolean, pageSize: number, { thread }: SnapshotContext): Promise<DatabaseAtOneMoment> {
  const { database } = await thread.ask('openCopy', { path: copy, recover })
  const fd = openSync(copy, 'r')
  const { size } = fstatSync(fd)
  // A few bytes after the last whole page belong to no page; SQLite does not read them either.
  if (size % pageSize !== 0) await truncate(copy, size - (size % pageSize))
  let open = true
  return {
    source: { pageSize, pageCount: Math.floor(size / pageSize), fd },
    database,
    close() {
      if (open) closeSync(fd)
      open = false
    },
  }
}

async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(folder))
  if (bavail * bsize < bytes + spare) throw new CofferError('local_full', { needed: bytes + spare, free: bavail * bsize })
}
