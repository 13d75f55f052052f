/**
 * A private copy of a database that nobody changes meanwhile. Touches nothing in the owner's folder and takes no
 * lock; instead it proves afterwards that what was copied belongs together, or says that it does not.
 *
 * With a write-ahead log the copy is database first, log second, and the log's header must be the same before the
 * database was read and in the log that was copied. The header's salts change whenever the log starts anew, and
 * pages in the database change only by checkpoints, which copy them out of the log; so if the log did not start
 * anew, every page that changed while the database was read is in the log that was read after it, and SQLite's
 * recovery puts it in its place. Frames still being written fail their checksum and are left out.
 *
 * Without a log nothing may have changed at all: same file, same times, same first page, still no log, no journal.
 * A change within one tick of the file system's clock would keep the same time, so a file that changed just now is
 * given a tick to come to rest first.
 */
import { CofferError } from '../../../contract/errors.ts'
import { copyPrivately } from './copy-file.ts'
import { hasCode } from './file-errors.ts'
import { journalInUse, look, walHeaderBytes, type Look } from './look.ts'

export interface QuietCopy {
  /** True if SQLite must bring in a log before the copy can be read. */
  recover: boolean
}

export interface CopyOptions {
  signal?: AbortSignal | undefined
  onBytes?: ((count: number) => void) | undefined
  /** Waits that many ms. */
  pause: (ms: number) => Promise<void>
  now: () => Date
}

/** Copies the database at `path` to `to`, with its log, or gives 'changed': then nothing of use is at `to`. */
export async function copyQuietly(path: string, to: string, options: CopyOptions): Promise<QuietCopy | 'changed'> {
  const onBytes = (count: number) => {
    if (options.signal?.aborted) throw new CofferError('cancelled')
    options.onBytes?.(count)
  }
  const before = await look(path)
  if (journalInUse(before)) return 'changed'
  const withLog = before.wal.size > walHeaderBytes
  if (!withLog) await comeToRest(before, options)
  await copyPrivately(path, to, onBytes)
  if (withLog) {
    try {
      await copyPrivately(`${path}-wal`, `${to}-wal`, onBytes)
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return 'changed'
      throw error
    }
    const copied = await look(to)
    return copied.wal.head.equals(before.wal.head) ? { recover: true } : 'changed'
  }
  const after = await look(path)
  const same = after.stamp === before.stamp && after.head.equals(before.head) && after.wal.size <= walHeaderBytes && !journalInUse(after)
  return same ? { recover: false } : 'changed'
}

async function comeToRest({ changedAt }: Look, { pause, now }: CopyOptions): Promise<void> {
  // Times in whole seconds come from a disk that keeps no finer ones (FAT: two seconds).
  const tick = changedAt % 1_000_000_000n === 0n ? 2100 : 30
  const age = now().getTime() - Number(changedAt / 1_000_000n)
  if (age < tick) await pause(tick)
}
