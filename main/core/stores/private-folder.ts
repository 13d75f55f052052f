/**
 * Folders of our own, mode 0700, where copies of databases lie while they are backed up. They hold messages in the
 * clear: they are removed at the end, and those that a crash left behind are swept at the next start.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { uptime } from 'node:os'
import { join } from 'node:path'

/** Makes a new private folder under `root` (made too, 0700, if it is not there) and gives its path. */
export async function makePrivateFolder(root: string): Promise<string> {
  await mkdir(root, { recursive: true, mode: 0o700 })
  const folder = join(root, `store-${process.pid}-${randomBytes(6).toString('hex')}`)
  await mkdir(folder, { mode: 0o700 })
  return folder
}

/** Removes a private folder; fine if it is gone. */
export async function removePrivateFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
}

/**
 * Removes what crashed runs left under `root`. A folder whose process still runs is left alone, unless it is older
 * than the computer's last start: then the number belongs to another process by now. Gives the number removed.
 */
export async function sweepPrivateCopies(
  root: string,
  {
    isAlive = processIsAlive,
    bootedAt = new Date(Date.now() - uptime() * 1000),
  }: { isAlive?: (pid: number) => boolean; bootedAt?: Date } = {},
): Promise<number> {
  let removed = 0
  for (const name of await readdir(root).catch(() => [])) {
    const pid = /^store-(\d+)-[0-9a-f]{12}$/.exec(name)?.[1]
    if (pid === undefined) continue
    const folder = join(root, name)
    const made = (await stat(folder).catch(() => undefined))?.mtime
    if (made === undefined || (isAlive(Number(pid)) && made >= bootedAt)) continue
    await removePrivateFolder(folder)
    removed++
  }
  return removed
}

/** Whether a process of this number runs on this computer. */
export function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs, as someone else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
