/**
 * Writing large objects past the system's cache. Nobody reads a pack soon after it was written: in the cache it would
 * push out what the person's other programs need, and copying it there takes as long as sealing it.
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { discard } from './discard.ts'

/** Below this the cache costs nothing worth saving. */
const large = 1024 * 1024
/** Whole blocks of most disks and file systems; those that ask for more refuse, and are written to as usual. */
const block = 4096

/**
 * Makes the file `part`, fills it with `bytes` past the cache and returns it open. Undefined, and no file is left, where
 * that cannot be: the system knows no such way, the file system refuses it, the bytes do not lie in memory as they must,
 * they are few or no whole blocks (a pack is: it is padded). Whatever went wrong, the ordinary way may do, or says it.
 */
export async function fillPastCache(part: string, bytes: Uint8Array): Promise<FileHandle | undefined> {
  // macOS and Windows have no such flag, whatever its type says.
  const direct = constants.O_DIRECT as number | undefined
  if (direct === undefined || bytes.byteLength < large || bytes.byteLength % block !== 0) return undefined
  let handle: FileHandle | undefined
  try {
    // One descriptor from its making to its end: to some mounts of clouds each one that writes is an upload.
    handle = await open(part, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | direct)
    for (let done = 0; done < bytes.byteLength;) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, done)
      if (bytesWritten === 0) throw new Error('a disk that takes nothing')
      done += bytesWritten
    }
    return handle
  } catch {
    await handle?.close().catch(() => undefined)
    // Also where it could not be opened: some systems make the file before they refuse the flag. Its name is random.
    await discard(part)
    return undefined
  }
}
