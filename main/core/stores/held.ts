/**
 * Whether another process holds a lock on a file, as far as the system tells. A hint, never more: it decides which way
 * of taking a snapshot is tried first, and each way proves by itself that its result is right.
 */
import { readFile, stat } from 'node:fs/promises'

/** Linux lists every lock it knows (proc_locks(5)); elsewhere, and for locks of other containers, false. */
export async function isHeld(path: string, readLocks = () => readFile('/proc/locks', 'utf8')): Promise<boolean> {
  const locks = await readLocks().catch(() => '')
  if (locks === '') return false
  const { ino } = await stat(path, { bigint: true })
  // Device numbers are not compared: some file systems (Btrfs) show other ones here than to stat.
  return locks.split('\n').some((line) => line.includes(`:${ino} `))
}
