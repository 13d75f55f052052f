/** A finished private copy as a page source, and what surrounds it: room on the disk, and tidying a failed try away. */
import { closeSync, openSync } from 'node:fs'
import { rm, stat, statfs, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CofferError } from '../../../contract/errors.ts'
import type { Look } from './look.ts'
import type { DatabaseAtOneMoment, SnapshotContext } from './snapshot-context.ts'

/** Room left for everything else on the disk that holds the private copy, bytes. */
const spare = 16 * 1024 * 1024

/** Throws local_full if a copy of that many bytes does not fit; a clone might, but nobody knows before. */
export async function requireRoom(copy: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(copy))
  const free = bavail * bsize
  if (free < bytes + spare) throw new CofferError('local_full', { needed: bytes + spare, free })
}

/** The copy, with its log or journal brought in if it has one, opened in the store's thread. */
export async function openCopy(
  context: SnapshotContext,
  seen: Look,
  { recover }: { recover: boolean },
): Promise<DatabaseAtOneMoment> {
  const { database } = await context.thread.ask('openCopy', { path: context.copy, recover })
  return { database, ...(await pagesOfCopy(context.copy, seen)) }
}

/**
 * The pages of a finished copy. Throws store_corrupt if recovery made the file absurdly large: a page number in a log
 * or journal is only a claim, and terabytes of holes would be read.
 */
export async function pagesOfCopy(copy: string, seen: Look): Promise<Omit<DatabaseAtOneMoment, 'database'>> {
  const pageSize = seen.header?.pageSize ?? 0
  const { size } = await stat(copy)
  const sensible = 4 * (seen.size + seen.wal.size + seen.journal.size) + spare
  const pageCount = Math.floor(size / pageSize)
  if (size > sensible || pageCount === 0) throw new CofferError('store_corrupt', { size, sensible })
  // A few bytes after the last whole page belong to no page; SQLite does not read them either.
  if (size % pageSize !== 0) await truncate(copy, pageCount * pageSize)
  const fd = openSync(copy, 'r')
  return { source: { pageSize, pageCount, fd }, inPlace: false, close: () => Promise.resolve(closeSync(fd)) }
}

/** Removes what a failed try left, so that the next can begin. */
export async function discardCopy(copy: string): Promise<void> {
  await Promise.all(['', '-wal', '-shm', '-journal'].map((suffix) => rm(copy + suffix, { force: true })))
}
