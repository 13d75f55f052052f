/**
 * Reading a folder that is not trusted: only regular files are objects, whatever else was put in their place.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, read, type Stats } from 'node:fs'
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errnoOf } from './folder-failure.ts'

const readAt = promisify(read)

/**
 * The bytes of a regular file from `offset`, at most `length`, fewer where it ends before; undefined where there is
 * no such file. They go into `into` if it is large enough. Throws the file system's own errors.
 */
export async function readRegular(
  path: string,
  range: { offset: number; length: number },
  into?: Uint8Array,
): Promise<Uint8Array | undefined> {
  const fd = openRegular(path)
  if (fd === undefined) return undefined
  try {
    const wanted = Math.min(range.length, Math.max(0, fstatSync(fd).size - range.offset))
    const buffer = into && into.byteLength >= wanted ? into : Buffer.allocUnsafeSlow(wanted)
    let done = 0
    while (done < wanted) {
      const { bytesRead } = await readAt(fd, buffer, done, Math.min(wanted - done, 1 << 28), range.offset + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return buffer.subarray(0, done)
  } finally {
    closeSync(fd)
  }
}

/**
 * The regular files of a directory that `wanted` accepts. Links, folders and devices are no objects, whatever their
 * name; a name that is not Unicode cannot be asked for and is passed over; one that vanishes meanwhile is gone.
 * Sixty-four are asked about at a time, so a folder with a million files costs no more memory than one with ten.
 */
export async function* regularFiles(
  directory: string,
  wanted: (file: string) => boolean,
): AsyncIterable<{ file: string; stats: Stats }> {
  let batch: string[] = []
  for await (const entry of await opendir(directory, { bufferSize: 256 })) {
    if (wanted(entry.name)) batch.push(entry.name)
    if (batch.length < 64) continue
    yield* await describeAll(directory, batch)
    batch = []
  }
  yield* await describeAll(directory, batch)
}

async function describeAll(directory: string, files: string[]): Promise<{ file: string; stats: Stats }[]> {
  const found = await Promise.all(
    files.map(async (file) => {
      try {
        return { file, stats: await lstat(join(directory, file)) }
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined
        throw error
      }
    }),
  )
  return found.filter((entry) => entry !== undefined).filter((entry) => entry.stats.isFile())
}

/**
 * Opened without waiting and without following: a pipe in an object's place must not hang us, nor a link lead us
 * away. Windows has neither flag; there they are undefined, which counts as 0 here.
 */
const readOnly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * Synchronous on purpose: restoring asks for thousands of ranges, and opening takes microseconds where a trip through
 * the thread pool takes twenty times as long. The reading, which may wait for a disk or a network, is not.
 * No descriptor is kept between calls, so an object that was deleted or replaced meanwhile is noticed.
 */
function openRegular(path: string): number | undefined {
  let fd: number
  try {
    fd = openSync(path, readOnly)
  } catch (error) {
    const reason = errnoOf(error)
    // ELOOP and, on the BSDs, EMLINK: a link. ENXIO: a socket.
    if (reason === 'ENOENT' || reason === 'ELOOP' || reason === 'EMLINK') return undefined
    if ((reason === 'ENXIO' || reason === 'EISDIR' || reason === 'EPERM') && !lstatSync(path).isFile()) return undefined
    throw error
  }
  let regular = false
  try {
    regular = fstatSync(fd).isFile()
  } finally {
    if (!regular) closeSync(fd)
  }
  return regular ? fd : undefined
}
