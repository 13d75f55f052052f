/** One process at a time changes a key file: two that add an epoch at once would each drop the other's. */
import { readlink, symlink } from 'node:fs/promises'
import { isSystemError, removeIfThere } from './durable-file.ts'
import { KeystoreUnavailable } from './keystore.ts'

/** What this process does with each lock, in turn. */
const turns = new Map<string, Promise<unknown>>()

/**
 * Runs `work` while nobody else on this machine does so for `path`; within this process one waits for the other.
 * KeystoreUnavailable, with what to do, while another process does. What a killed process left is taken over. The
 * lock is a symbolic link to the process's number, because a link is there with its content or not at all.
 */
export async function withChangeLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.changing`
  const mine = (turns.get(lock) ?? Promise.resolve()).then(async () => {
    await take(lock)
    try {
      return await work()
    } finally {
      await removeIfThere(lock)
    }
  })
  turns.set(
    lock,
    mine.catch(() => undefined),
  )
  return mine
}

/** Whether somebody holds the lock, or left it. */
export async function isChangeLocked(path: string): Promise<boolean> {
  return readlink(`${path}.changing`).then(
    () => true,
    () => false,
  )
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
    // It is this process's turn, so its own number is that of one before it: in a container they start anew.
    if (owner !== process.pid && isRunning(owner)) break
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
