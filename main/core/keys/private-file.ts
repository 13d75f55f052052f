/** Writing a file that holds a key: for its owner alone, durable, and never in place of another. */
import { constants } from 'node:fs'
import { open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CofferError, type ErrorCode } from '../../../contract/errors.ts'

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
    throw asCofferError(error, path, taken)
  }
}

/** Windows cannot open folders, and some network file systems cannot sync them: then the file's own sync must do. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY).catch(() => undefined)
  await folder?.sync().catch(() => undefined)
  await folder?.close()
}

function asCofferError(error: unknown, path: string, taken: ErrorCode): unknown {
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
