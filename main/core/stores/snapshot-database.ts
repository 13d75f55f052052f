/**
 * One database at one moment, whatever its owner does. Which way is taken only decides what it costs; each proves its
 * result (pin.ts, guard.ts, quiet-copy.ts):
 *
 * | the database                                        | the way                                                 |
 * | --------------------------------------------------- | ------------------------------------------------------- |
 * | has a log, and somebody has it open                 | pinned where it is, no copy; `backup()` if that is odd  |
 * | has a log, nobody is known to have it open          | copied with its log, recovered in the copy              |
 * | has a log that kept starting anew while copied      | as if somebody had it open                              |
 * | write-ahead mode, no log                            | copied, and unchanged meanwhile                         |
 * | rollback-journal mode, no writer at work            | copied, and unchanged meanwhile                         |
 * | rollback-journal mode, changed twice while copied   | copied under the shared lock: its owner waits           |
 * | a journal that a dead writer left                   | copied with it, rolled back in the copy                 |
 */
import { open } from 'node:fs/promises'
import { CofferError } from '../../../contract/errors.ts'
import { claim } from './claims.ts'
import { copyOpened } from './copy-file.ts'
import { fileFailure } from './file-errors.ts'
import { isHeld } from './held.ts'
import { hasJournal, hasLog, look, type Look } from './look.ts'
import { takePinned } from './pinned-snapshot.ts'
import { copyUnchanged, copyWithJournal, copyWithLog, restNeeded } from './quiet-copy.ts'
import { discardCopy, openCopy, requireRoom } from './private-copy.ts'
import type { DatabaseAtOneMoment, Setback, SnapshotContext } from './snapshot-context.ts'

/** Takes the database at `path` (absolute, without links). */
export async function snapshotDatabase(path: string, context: SnapshotContext): Promise<DatabaseAtOneMoment> {
  const release = claim(path)
  if (!release) throw new CofferError('store_locked', { path, by: 'this program' })
  try {
    const taken = await keepTrying(path, context)
    if (!taken.inPlace) {
      release()
      return taken
    }
    return {
      ...taken,
      async close() {
        await taken.close()
        release()
      },
    }
  } catch (error) {
    release()
    throw withPath(fileFailure(error, path), path)
  }
}

async function keepTrying(path: string, context: SnapshotContext): Promise<DatabaseAtOneMoment> {
  const setbacks = { locked: 0, changed: 0 }
  for (;;) {
    if (context.signal?.aborted) throw new CofferError('cancelled')
    const seen = requireDatabase(await look(path), path)
    if (!hasLog(seen)) await context.pause(restNeeded(seen, context.now()))
    const outcome = await attempt(path, seen, setbacks.changed, context)
    if (typeof outcome !== 'string') return outcome
    await discardCopy(context.copy)
    setbacks[outcome]++
    if (setbacks.locked >= context.patience.locked) throw new CofferError('store_locked', { path })
    if (setbacks.changed >= context.patience.changed) throw new CofferError('store_changed', { path })
    await context.pause(100)
  }
}

function requireDatabase(seen: Look, path: string): Look {
  if (seen.size === 0) throw new CofferError('store_empty', { path })
  if (!seen.header) throw new CofferError('store_encrypted', { path })
  return seen
}

function attempt(
  path: string,
  seen: Look,
  changed: number,
  context: SnapshotContext,
): Promise<DatabaseAtOneMoment | Setback> {
  const writeAhead = hasLog(seen) || seen.header?.wal === true
  return writeAhead && !hasJournal(seen)
    ? takeWriteAhead(path, seen, changed, context)
    : takeRollback(path, seen, changed, context)
}

async function takeWriteAhead(
  path: string,
  seen: Look,
  changed: number,
  context: SnapshotContext,
): Promise<DatabaseAtOneMoment | Setback> {
  if (seen.wal.exists && seen.shm.exists && (changed > 0 || (await isHeld(path)))) {
    const pinned = await takePinned(path, seen, context)
    if (typeof pinned !== 'string') return pinned
    // Its owner went away or is just coming; the copy needs no lock.
    seen = await look(path)
  }
  await requireRoom(context.copy, seen.size + seen.wal.size)
  if (hasLog(seen)) {
    return (await copyWithLog(path, context.copy, seen, context.onBytes))
      ? openCopy(context, seen, { recover: true })
      : 'changed'
  }
  return (await copyUnchanged(path, context.copy, seen, context.onBytes))
    ? openCopy(context, seen, { recover: false })
    : 'changed'
}

async function takeRollback(
  path: string,
  first: Look,
  changed: number,
  context: SnapshotContext,
): Promise<DatabaseAtOneMoment | Setback> {
  const { thread, copy, onBytes } = context
  await requireRoom(copy, first.size + first.journal.size)
  // Opened before the lock is taken and closed after it is given back (POSIX).
  const file = await open(path, 'r')
  try {
    const verdict = await thread.ask('guard', { path })
    if (verdict === 'busy') return 'locked'
    if (verdict === 'shared' && changed >= 2) {
      // Twice somebody wrote meanwhile: now they must wait, for as long as the copy takes.
      await copyOpened(file, copy, onBytes)
      return await openCopy(context, first, { recover: false })
    }
    // The lock shows that no writer has half a transaction in the file; if it is still as it was at the first look,
    // which has rested, then whatever is written from now on will show. (Looking drops the lock: it has served.)
    const seen = await look(path)
    await thread.ask('unguard', null)
    if (seen.stamp !== first.stamp || seen.journal.stamp !== first.journal.stamp) return 'changed'
    if (verdict === 'hot') {
      return (await copyWithJournal(path, copy, seen, onBytes))
        ? await openCopy(context, seen, { recover: true })
        : 'changed'
    }
    return (await copyUnchanged(path, copy, seen, onBytes))
      ? await openCopy(context, seen, { recover: false })
      : 'changed'
  } finally {
    await thread.ask('unguard', null)
    await file.close()
  }
}

function withPath(error: unknown, path: string): unknown {
  if (!(error instanceof CofferError) || 'path' in error.detail) return error
  return new CofferError(error.code, { path, ...error.detail }, { cause: error })
}
