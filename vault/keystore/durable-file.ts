/** Small files whose content must be there after a power cut, or not there at all. */
import { constants } from 'node:fs'
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Writes a new file of mode 0600 and syncs it; the name is not yet durable. EEXIST if there is one. */
export async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes the file at `from` be the one at `to`, durably: at every moment one of the two is there, whole. */
export async function moveOver(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncFolder(dirname(to))
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/**
 * Overwrites a file's content where it lies. That is all that a program can do: a journal, a copying file system, a
 * flash drive that writes elsewhere, a snapshot or a backup may each hold the old bytes still.
 */
export async function overwrite(file: FileHandle): Promise<void> {
  const { size } = await file.stat()
  await file.write(Buffer.alloc(size), 0, size, 0)
  await file.sync()
}

/** Undefined for a file that is not there. */
export async function found(path: string): Promise<{ ino: number; dev: number } | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

export async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT')) throw error
  })
}

/** Whether the operating system said no, with this code or (none given) any. */
export function isSystemError(error: unknown, code?: string): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error && (code === undefined || error.code === code)
}
