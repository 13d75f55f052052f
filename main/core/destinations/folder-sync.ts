/**
 * Makes names durable: fsync of a directory, shared by all who ask for the same one at about the same time.
 *
 * A caller must be covered by an fsync that *began* after its own change, so who arrives while one is running waits
 * for the next; all who wait for the next share it. Sixteen puts at once cost two or three directory fsyncs.
 */
import { open } from 'node:fs/promises'
import { errnoOf } from './folder-failure.ts'

/** Resolves when the directory's entries as they are now are on the disk. Throws the file system's own errors. */
export type SyncDirectory = (directory: string) => Promise<void>

/** `sync` is replaced in tests only. */
export function sharedDirectorySync(sync: SyncDirectory = syncDirectory): SyncDirectory {
  const running = new Map<string, { current: Promise<void>; next: Promise<void> | undefined }>()

  function start(directory: string): Promise<void> {
    const current = sync(directory).finally(() => {
      if (running.get(directory)?.current === current) running.delete(directory)
    })
    running.set(directory, { current, next: undefined })
    return current
  }

  return (directory) => {
    const round = running.get(directory)
    if (!round) return start(directory)
    // The one running may fail for its own callers; those who wait get an fsync and an answer of their own.
    round.next ??= round.current.catch(() => undefined).then(() => start(directory))
    return round.next
  }
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows cannot open a directory for fsync; NTFS journals its names itself.
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Some network and user-space file systems have no fsync for directories; they say so with one of these, and
    // there is nothing more that could be asked of them. EIO and ENOSPC are real and are not swallowed.
    if (!noDirectorySync.has(errnoOf(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}

const noDirectorySync = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EBADF', 'EISDIR'])
