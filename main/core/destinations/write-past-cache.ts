/**
 * Writing large objects past the system's cache. Nobody reads a pack soon after it was written: in the cache it would
 * push out what the person's other programs need, and copying it there takes as long as sealing it.
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { errnoOf } from './folder-failure.ts'

/** Below this the cache costs nothing worth saving. */
const large = 1024 * 1024
/** No disk and no file system asks for more than whole pages, at whole pages. */
const block = 4096

/**
 * Writes what of `bytes` can be written so into the empty file at `part`, from its beginning, and returns how much that
 * was: 0 where the system knows no such way, the file system refuses it, or the bytes do not lie in memory as they must.
 * The rest is the ordinary way's. Throws the file system's own errors.
 */
export async function writePastCache(part: string, bytes: Uint8Array): Promise<number> {
  const whole = bytes.byteLength - (bytes.byteLength % block)
  // Only Linux has it; elsewhere the constant is missing, whatever its type says.
  const direct = constants.O_DIRECT as number | undefined
  if (direct === undefined || whole < large) return 0
  // Refused by some file systems. Were anything else wrong, the ordinary way would say it.
  const file = await open(part, constants.O_WRONLY | constants.O_NOFOLLOW | direct).catch(() => undefined)
  if (!file) return 0
  let done = 0
  try {
    while (done < whole) {
      const { bytesWritten } = await file.write(bytes, done, whole - done, done)
      done += bytesWritten
      // A disk that is nearly full may take a part; from an odd place there is no going on in this way.
      if (bytesWritten === 0 || done % block !== 0) break
    }
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL') throw error
  } finally {
    await file.close()
  }
  return done
}
