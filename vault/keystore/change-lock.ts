/** One process at a time changes a key file: two that add an epoch at once would each drop the other's. */
import { readlink, symlink } from 'node:fs/promises'
import { isSystemError, removeIfThere } from './durable-file.ts'
import { KeystoreUnavailable } from './keystore.ts'

const held = new Set<string>()

/**
 * Runs `work` while no other process of this machine does so for `path`. KeystoreUnavailable, with what to do, while
 * one does. What a killed process left is taken over. The lock is a symbolic link to the process's number, because
 * a link is there with its content or not at all.
 */
export async function withChangeLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.changing`
  await take(lock)
  held.add(lock)
  try {
    return await work()
  } finally {
    held.delete(lock)
    await removeIfThere(lock)
  }
}

async function take(lock: string): Promise<void> {
  // Once more after an abandoned lock was removed; then another process was quicker, and it is its turn.
  for (let tries = 2; tries > 0; tries--) {
    try {
      return await symlink(String(process.pid), lock)
    } catch (error) {
      if (!isSystemError(error, 'EEXIST')) throw error
    }
    const owner = Number(await readlink(lock).catch(() => 'gone'))
    // In a container the numbers start anew, so that one's own may stand in the lock of the process before.
    if (owner === process.pid ? held.has(lock) : isRunning(owner)) break
    await removeIfThere(lock)
  }
  throw new KeystoreUnavailable(`Another process changes the key file now. If none does, delete ${lock}.`)
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isSystemError(error, 'EPERM')
  }
}
