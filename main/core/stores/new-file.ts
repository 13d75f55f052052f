/**
 * A file that appears under its name whole and durable, or not at all, and never in place of another.
 *
 * It grows under another name in the same folder, mode 0600, since it may hold messages in the clear. If this process
 * is killed meanwhile, that part stays; the next file written to the folder sweeps it away.
 */
import { randomBytes } from 'node:crypto'
import { lstat, open, readdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CofferError } from '../../../contract/errors.ts'
import { discard } from '../destinations/discard.ts'
import { publish } from '../destinations/folder-publish.ts'
import { syncFolder, systemCode, writeFailure } from '../keys/private-file.ts'

const partName = /^\.coffer-unlocked-(\d+)-[0-9a-f]{16}\.part$/

/**
 * Lets `fill` write the file piece by piece, then gives it its name and returns what `fill` did. If `fill` throws,
 * nothing is left. Gives file_exists (at once, and again at the end), local_full, file_failed.
 */
export async function writeNewFile<T>(
  path: string,
  fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<T>,
): Promise<T> {
  const folder = dirname(path)
  const part = join(folder, `.coffer-unlocked-${process.pid}-${randomBytes(8).toString('hex')}.part`)
  const guarded = async <R>(work: Promise<R>): Promise<R> => {
    try {
      return await work
    } catch (error) {
      throw writeFailure(error, path, 'file_exists')
    }
  }
  if (await exists(path)) throw new CofferError('file_exists', { path })
  await sweep(folder)
  const file = await guarded(open(part, 'wx', 0o600))
  try {
    let result: T
    try {
      let at = 0
      result = await fill(async (bytes) => {
        for (let done = 0; done < bytes.length;) {
          done += (await guarded(file.write(bytes, done, bytes.length - done, at + done))).bytesWritten
        }
        at += bytes.length
      })
      await guarded(file.sync())
    } finally {
      await guarded(file.close())
    }
    await guarded(publish(part, path))
    await syncFolder(folder)
    return result
  } catch (error) {
    await discard(part)
    throw error
  }
}

/** Removes parts whose process no longer runs; where that cannot be done, it is not this file's trouble. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const pid = partName.exec(name)?.[1]
    if (pid !== undefined && !isRunning(Number(pid))) await unlink(join(folder, name)).catch(() => undefined)
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) !== 'ESRCH'
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
