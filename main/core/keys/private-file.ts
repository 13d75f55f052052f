/** Files that hold a key: written for their owner alone, durable, never in place of another; read with a limit. */
import { constants } from 'node:fs'
import { open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CofferError, type ErrorCode } from '../../../contract/errors.ts'
import { wipe } from './secret.ts'

/** Key files have a few hundred bytes; a recovery sheet, which may be given instead, some forty thousand. */
const maxFile = 1024 * 1024

/**
 * Writes a new file with mode 0600 and makes it durable, file and folder: when this returns, a power cut cannot take
 * the key away. On failure nothing is left behind.
 *
 * Gives `taken` if the name exists already (also as a dangling link), local_full, or file_failed.
 */
export async function writePrivateFile(path: string, bytes: Uint8Array, taken: ErrorCode): Promise<void> {
  try {
    // Exclusive creation follows no link and overwrites nothing, whoever else is creating files here.
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } catch (error) {
      await unlink(path)
      throw error
    } finally {
      await file.close()
    }
    await syncFolder(dirname(path))
  } catch (error) {
    throw writeFailure(error, path, taken)
  }
}

/**
 * The content of a file that may hold a key; the caller wipes it. Anything that can be read will do, such as a pipe
 * from a password manager. `openToOthers`: others on this computer may read it too (not known on Windows).
 * Gives key_malformed if it is far too long, file_failed if it cannot be read.
 */
export async function readPrivateFile(path: string): Promise<{ bytes: Buffer; openToOthers: boolean }> {
  const room = Buffer.from(new ArrayBuffer(maxFile + 1))
  try {
    const file = await open(path, 'r')
    try {
      const { mode, isFile } = await file.stat().then((found) => ({ mode: found.mode, isFile: found.isFile() }))
      let length = 0
      while (length < room.length) {
        const { bytesRead } = await file.read(room, length, room.length - length, null)
        if (bytesRead === 0) break
        length += bytesRead
      }
      if (length > maxFile)
        throw new CofferError('key_malformed', {
          fault: 'too_long',
          reason: 'This file is far too long to be a key file.',
          path,
        })
      return {
        bytes: room.subarray(0, length),
        openToOthers: process.platform !== 'win32' && isFile && (mode & 0o077) !== 0,
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    wipe(room)
    const code = systemCode(error)
    throw code === undefined ? error : new CofferError('file_failed', { path, reason: code })
  }
}

/**
 * Makes a new name in a folder durable. Windows cannot open folders, and some network file systems cannot sync them:
 * then the file's own sync must do.
 */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY).catch(() => undefined)
  await folder?.sync().catch(() => undefined)
  await folder?.close()
}

/** What a failure to write a new file means: `taken` if there is one of that name, local_full, file_failed. */
export function writeFailure(error: unknown, path: string, taken: ErrorCode): unknown {
  const code = systemCode(error)
  if (code === undefined) return error
  if (code === 'EEXIST') return new CofferError(taken, { path })
  if (code === 'ENOSPC' || code === 'EDQUOT') return new CofferError('local_full', { path })
  return new CofferError('file_failed', { path, reason: code })
}

/** The code of an error of the operating system (ENOENT, …); undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error
    ? error.code
    : undefined
}
