/** A database in write-ahead mode that somebody has open, taken where it is (pin.ts), or through SQLite's backup. */
import { closeSync, openSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { CofferError } from '../../../contract/errors.ts'
import { hasCode } from './file-errors.ts'
import type { Look } from './look.ts'
import type { Descriptors } from './pin.ts'
import { pagesOfCopy, requireRoom } from './private-copy.ts'
import type { DatabaseAtOneMoment, SnapshotContext } from './snapshot-context.ts'

/** 'gone' if nobody has it open after all. With `copy` it is always copied by `backup()`, as where the overlay cannot be told. */
export async function takePinned(
  path: string,
  seen: Look,
  context: SnapshotContext,
  how: 'overlay' | 'copy' = 'overlay',
): Promise<DatabaseAtOneMoment | 'gone' | 'busy'> {
  const files = openFiles(path)
  if (!files) return 'gone'
  try {
    const pinned = await context.thread.ask('pin', { path, pageSize: seen.header?.pageSize ?? 0, files })
    if (typeof pinned === 'string') {
      closeFiles(files)
      return pinned
    }
    const { database, pages } = pinned
    if (!pages || how === 'copy') return await takeByBackup(database, files, seen, context)
    const { pageSize, pageCount, overlay } = pages
    const source = { pageSize, pageCount, fd: files.db, ...(overlay ? { overlay: { fd: files.wal, ...overlay } } : {}) }
    return { source, database, inPlace: true, close: () => Promise.resolve(closeFiles(files)) }
  } catch (error) {
    // If a connection is still open in the thread it loses its locks by this, and is not used again.
    closeFiles(files)
    throw error
  }
}

async function takeByBackup(
  database: number,
  files: Descriptors,
  seen: Look,
  context: SnapshotContext,
): Promise<DatabaseAtOneMoment> {
  await requireRoom(context.copy, seen.size + seen.wal.size)
  const stop = new SharedArrayBuffer(4)
  const onAbort = () => Atomics.store(new Int32Array(stop), 0, 1)
  context.signal?.addEventListener('abort', onAbort)
  if (context.signal?.aborted) onAbort()
  try {
    const { pages } = await context.thread.ask('backup', { database, to: context.copy, stop })
    const { size } = await stat(context.copy)
    // On a locked source backup() ends content, with no page and no file.
    if (pages === 0 || size !== pages * (seen.header?.pageSize ?? 0))
      throw new CofferError('store_changed', { pages, size })
    context.onBytes(size)
    const copied = await pagesOfCopy(context.copy, seen)
    // The thread reads from the copy by now.
    closeFiles(files)
    return { database, ...copied }
  } finally {
    context.signal?.removeEventListener('abort', onAbort)
  }
}

function openFiles(path: string): Descriptors | undefined {
  const opened: number[] = []
  try {
    for (const suffix of ['', '-wal', '-shm']) opened.push(openSync(path + suffix, 'r'))
  } catch (error) {
    for (const fd of opened) closeSync(fd)
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
  const [db = -1, wal = -1, shm = -1] = opened
  return { db, wal, shm }
}

function closeFiles({ db, wal, shm }: Descriptors): void {
  for (const fd of [db, wal, shm]) closeSync(fd)
}
