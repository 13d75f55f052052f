/**
 * How a file appears in a folder: whole and durable under its name, or not at all.
 *
 * The bytes go to a part file beside the place (`.<name>.<random>.part`), are fsynced, and only then get their name.
 */
import { type FileHandle, link, lstat, open, rename } from 'node:fs/promises'
import { discard } from './discard.ts'
import { errnoOf } from './folder-failure.ts'
import { fillPastCache } from './write-past-cache.ts'

/**
 * Gives the part file its name unless that is taken; the part file is gone afterwards either way.
 * Throws `EEXIST` when the name is taken. `linked` is false where the file system has no hard links (tests pass a
 * `makeLink` that answers as such a one does).
 */
export async function publish(part: string, place: string, makeLink: typeof link = link): Promise<{ linked: boolean }> {
  try {
    // link() fails with EEXIST where rename() would silently overwrite: of two racing writers exactly one wins.
    await makeLink(part, place)
    await discard(part)
    return { linked: true }
  } catch (error) {
    if (!noHardLinks.has(errnoOf(error) ?? '')) throw error
  }
  // FAT, exFAT and some network mounts: looking and renaming are two steps, so two processes that publish the same
  // name within microseconds could both succeed. Object names carry 64 random bits or more and one archive has one
  // writer, so this is asked for only by a header that two people make at the same moment; the capability flag
  // tells the archive.
  if (await exists(place)) throw Object.assign(new Error(`${place} exists`), { code: 'EEXIST', syscall: 'link' })
  await rename(part, place)
  return { linked: false }
}

/**
 * Makes the file `part`, writes all of `bytes` to it and returns it open. On failure it is gone. Throws the file
 * system's own errors; `ENOENT` when the folder is absent.
 */
export async function makePart(part: string, bytes: Uint8Array): Promise<FileHandle> {
  const past = await fillPastCache(part, bytes)
  if (past) return past
  const handle = await open(part, 'wx')
  try {
    for (let done = 0; done < bytes.byteLength;) {
      const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.byteLength - done, 1 << 28))
      done += bytesWritten
    }
    return handle
  } catch (error) {
    await handle.close().catch(() => undefined)
    await discard(part)
    throw error
  }
}

/** Brings a part file to the disk and closes it. On failure it is gone. Throws the file system's own errors. */
export async function settlePart(handle: FileHandle, part: string): Promise<void> {
  try {
    try {
      await handle.sync()
    } finally {
      // Closed in any case; and it can be where a network mount first reports a full disk.
      await handle.close()
    }
  } catch (error) {
    await discard(part)
    throw error
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** What link() answers where there are no hard links. EISDIR and UNKNOWN are what Windows makes of it on exFAT. */
const noHardLinks = new Set([
  'EPERM',
  'EACCES',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
  'EINVAL',
  'EXDEV',
  'EISDIR',
  'UNKNOWN',
])
