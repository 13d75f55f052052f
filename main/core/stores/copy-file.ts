/** Copies one file into a private folder: as a clone where the disk can do that, else in pieces that can be watched. */
import { chmod, constants, copyFile, open, rm, stat, type FileHandle } from 'node:fs/promises'
import { hasCode } from './file-errors.ts'

/** Bytes. It stays in the processor's cache between reading and writing: four times as much takes three times as long. */
const piece = 1024 * 1024

/** Pieces under way at once. */
const lanes = 4

/** Called after each piece that was copied, with its bytes; may throw to stop. */
export type OnBytes = (count: number) => void | Promise<void>

/**
 * Copies `from` to `to` (which must not exist), mode 0600, and gives the bytes copied. Neither file is synced: the copy need not survive a crash.
 */
export async function copyPrivately(from: string, to: string, onBytes: OnBytes): Promise<number> {
  const cloned = await clone(from, to)
  if (cloned !== undefined) {
    await onBytes(cloned)
    return cloned
  }
  const source = await open(from, 'r')
  try {
    return await copyOpened(source, to, onBytes)
  } finally {
    await source.close()
  }
}

/** The same from an open file, which stays open: nothing here drops a lock that a connection of this process holds. */
export async function copyOpened(source: FileHandle, to: string, onBytes: OnBytes): Promise<number> {
  const target = await open(to, 'wx', 0o600)
  try {
    let next = 0
    let end = Infinity
    let copied = 0
    const lane = async () => {
      const buffer = Buffer.allocUnsafeSlow(piece)
      while (next < end) {
        const at = next
        next += piece
        for (let done = 0; done < piece;) {
          const { bytesRead } = await source.read(buffer, 0, piece - done, at + done)
          if (bytesRead === 0) {
            end = Math.min(end, at + done)
            break
          }
          for (let put = 0; put < bytesRead;)
            put += (await target.write(buffer, put, bytesRead - put, at + done + put)).bytesWritten
          done += bytesRead
          copied += bytesRead
          await onBytes(bytesRead)
        }
      }
    }
    const outcomes = await Promise.allSettled(
      Array.from({ length: lanes }, () =>
        lane().catch((error: unknown) => {
          end = 0
          throw error
        }),
      ),
    )
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    return copied
  } finally {
    await target.close()
  }
}

/** A copy that shares the original's blocks (APFS, Btrfs, XFS, ReFS): at once, and no space. Undefined where it cannot be. */
async function clone(from: string, to: string): Promise<number | undefined> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    await chmod(to, 0o600)
    return (await stat(to)).size
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EACCES', 'EPERM', 'ENOSPC', 'EEXIST')) throw error
    await rm(to, { force: true })
    return undefined
  }
}
