/**
 * Private copies of a database that nobody changes meanwhile. They touch nothing in the owner's folder and hold no
 * lock while they copy; instead they prove afterwards that what was copied belongs together, or say that it does not.
 */
import { copyPrivately, type OnBytes } from './copy-file.ts'
import { hasCode } from './file-errors.ts'
import { hasJournal, hasLog, look, type Look } from './look.ts'

/**
 * A database and its write-ahead log: true if the two belong together; SQLite must then bring the log in.
 *
 * The database is copied first and the log second, and the log's header must be the same before the first was read
 * and after the last was. Its salts change whenever the log starts anew, before any frame is written over; so in
 * between the log only grew. Pages of the database change only by checkpoints, which copy them out of the log: every
 * page that changed while the database was read stands in the log that was read after it, and recovery puts it in its
 * place. Frames still being written fail their checksum and are left out, as after a crash.
 */
export async function copyWithLog(path: string, to: string, before: Look, onBytes: OnBytes): Promise<boolean> {
  await copyPrivately(path, to, onBytes)
  try {
    await copyPrivately(`${path}-wal`, `${to}-wal`, onBytes)
  } catch (error) {
    // Its owner closed it meanwhile.
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
  const after = await look(path)
  return hasLog(after) && after.wal.head.equals(before.wal.head)
}

/**
 * A database without a log: true if it was not written to since `before`, which must be settled and must show a
 * moment at which no writer was in the middle of anything.
 */
export async function copyUnchanged(path: string, to: string, before: Look, onBytes: OnBytes): Promise<boolean> {
  await copyPrivately(path, to, onBytes)
  const after = await look(path)
  return after.stamp === before.stamp && after.head.equals(before.head) && !hasLog(after)
}

/**
 * A database and the journal of a writer that died: true if neither was written to since `before`, which must be
 * settled. SQLite must then roll the journal back; without it the copy would be corrupt.
 *
 * The journal of a transaction over several databases names a further file, which says whether it was committed and
 * which SQLite removes afterwards. It finds that file from the copy as well, and leaves it where it is, since it does
 * not list the copy's journal.
 */
export async function copyWithJournal(path: string, to: string, before: Look, onBytes: OnBytes): Promise<boolean> {
  await copyPrivately(path, to, onBytes)
  try {
    await copyPrivately(`${path}-journal`, `${to}-journal`, onBytes)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
  const after = await look(path)
  return after.stamp === before.stamp && after.journal.stamp === before.journal.stamp && hasJournal(after)
}

/**
 * How long a look must rest before a later change is sure to show in its times, ms; 0 if it has rested. A change
 * within the same tick of the file system's clock would leave the same time.
 */
export function restNeeded({ changedAt, journal }: Look, now: Date): number {
  const newest = changedAt > journal.changedAt ? changedAt : journal.changedAt
  // Times in whole seconds come from a disk that keeps no finer ones (FAT: two seconds). Linux ticks 100 to 1,000
  // times a second.
  const tick = newest % 1_000_000_000n === 0n ? 2100 : 30
  const age = now.getTime() - Number(newest / 1_000_000n)
  return age < tick ? tick : 0
}
