/**
 * Opens WhatsApp's end-to-end encrypted backups: `*.crypt15` in, SQLite out.
 *
 * The file is read twice. The first time nothing is kept: it only shows that the MD5 (where the file has one) and the
 * GCM tag are right, so that nothing unauthenticated is ever inflated or written. The second time it is decrypted and
 * inflated into a private file beside `out`, which gets its name at the very end. Memory does not grow with the file.
 */
import { createDecipheriv, createHash, type DecipherGCM } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createInflate } from 'node:zlib'
import { CofferError } from '../../../contract/errors.ts'
import type { OnProgress } from '../jobs/progress.ts'
import type { Secret } from '../keys/secret.ts'
import { type Crypt15Head, damaged, maxHead, readCrypt15Head } from './crypt15-header.ts'
import { withFileKey } from './crypt15-key.ts'
import { fileFailure } from './file-errors.ts'
import { writeNewFile } from './new-file.ts'

const chunkBytes = 256 * 1024
const tagBytes = 16
const md5Bytes = 16
const sqliteMagic = Buffer.from('SQLite format 3\0')

export interface UnlockCrypt15 {
  /** The encrypted file. */
  file: string
  /** WhatsApp's 64-digit key (crypt15-key.ts). */
  key: Secret
  /** The database to write; must not exist yet. */
  out: string
  /** Largest database that is written, in bytes. Default 64 GiB. */
  maxBytes?: number
  signal?: AbortSignal
  onProgress?: OnProgress
}

/**
 * Decrypts `file` to `out` (mode 0600) and gives the database's size in bytes. On any failure nothing is left behind.
 *
 * Gives wrong_key; crypt15_damaged; crypt14_unsupported; crypt15_not_messages for intact backups of other things;
 * store_not_found and the like if the file cannot be read; file_exists, file_failed, local_full; cancelled.
 */
export async function unlockCrypt15(job: UnlockCrypt15): Promise<{ bytes: number }> {
  const source = await openSource(job.file)
  try {
    const { size } = await source.stat()
    const head = readCrypt15Head(await readAt(source, 0, Math.min(maxHead, size)))
    // The place for the result comes first: that it is taken is not to be found out after gigabytes.
    return await writeNewFile(job.out, async (write) => {
      const sealed = await authenticate(source, size, head, job)
      requireDatabase(sealed.start)
      return release(source, sealed, job, write)
    })
  } catch (error) {
    throw job.signal?.aborted === true ? new CofferError('cancelled') : error
  } finally {
    await source.close()
  }
}

/** A file whose every byte was found to be WhatsApp's. */
interface Sealed {
  iv: Buffer
  dataStart: number
  dataEnd: number
  tag: Buffer
  /** The first bytes of the plaintext. */
  start: Buffer
}

/**
 * The first reading. Files of message stores end with tag and MD5, some others with the tag alone, and nothing says
 * which: if the last 16 bytes are the MD5 of all before them, they are that.
 */
async function authenticate(source: FileHandle, size: number, head: Crypt15Head, job: UnlockCrypt15): Promise<Sealed> {
  const end = size - tagBytes - md5Bytes
  if (end < head.dataStart) throw damaged('the file is cut off')
  const md5 = createHash('md5')
  const decipher = head.iv && decipherFor(job.key, head.iv)
  let start = Buffer.alloc(0)
  const decrypt = (bytes: Buffer) => {
    const plain = decipher?.update(bytes) ?? bytes
    if (start.length < 16) start = Buffer.concat([start, plain.subarray(0, 16)])
  }
  let at = 0
  for await (const chunk of chunksOf(source, 0, end, job, 'check')) {
    md5.update(chunk)
    const skipped = Math.max(0, head.dataStart - at)
    if (skipped < chunk.length) decrypt(chunk.subarray(skipped))
    at += chunk.length
  }
  const tail = await readAt(source, end, tagBytes + md5Bytes)
  const [former, latter] = [tail.subarray(0, tagBytes), tail.subarray(tagBytes)]
  const hasMd5 = md5.update(former).digest().equals(latter)
  // Damage that shows without the key comes first, so that it is never blamed on the key or taken for another kind.
  if (!hasMd5 && head.marked) throw damaged('its checksum is wrong')
  if (!head.iv || !decipher) throw new CofferError('crypt14_unsupported')
  if (!hasMd5) decrypt(former)
  const tag = hasMd5 ? former : latter
  if (!hasTag(decipher, tag)) {
    // Under a wrong key even the first bytes make no sense; where they do, the key is right and something else is not.
    if (looksInflatable(start) || isZip(start)) throw damaged('its seal is broken')
    throw new CofferError('wrong_key', { reason: 'The key does not fit this file.' })
  }
  return { iv: head.iv, dataStart: head.dataStart, dataEnd: hasMd5 ? end : end + tagBytes, tag, start }
}

function hasTag(decipher: DecipherGCM, tag: Buffer): boolean {
  try {
    decipher.setAuthTag(tag).final()
    return true
  } catch {
    return false // the only thing that final() can object to
  }
}

/** The second reading, into `write`. The tag is checked again: the file could have changed between the two. */
async function release(
  source: FileHandle,
  sealed: Sealed,
  job: UnlockCrypt15,
  write: (bytes: Buffer) => Promise<void>,
): Promise<{ bytes: number }> {
  const limit = job.maxBytes ?? 64 * 1024 ** 3
  const decipher = decipherFor(job.key, sealed.iv).setAuthTag(sealed.tag)
  const cipher = Readable.from(chunksOf(source, sealed.dataStart, sealed.dataEnd, job, 'write'), { highWaterMark: 1 })
  let bytes = 0
  let start = Buffer.alloc(0)
  try {
    await pipeline(cipher, decipher, createInflate({ chunkSize: chunkBytes }), async (plain: AsyncIterable<Buffer>) => {
      for await (const chunk of plain) {
        bytes += chunk.length
        if (bytes > limit) throw damaged(`it unpacks to more than ${limit} bytes`)
        if (start.length < sqliteMagic.length) start = Buffer.concat([start, chunk.subarray(0, sqliteMagic.length)])
        await write(chunk)
      }
    })
  } catch (error) {
    throw isContentError(error) ? damaged('its content cannot be unpacked, or changed while it was read') : error
  }
  if (!start.subarray(0, sqliteMagic.length).equals(sqliteMagic)) throw new CofferError('crypt15_not_messages')
  return { bytes }
}

function decipherFor(key: Secret, iv: Buffer): DecipherGCM {
  return withFileKey(key, (fileKey) => createDecipheriv('aes-256-gcm', fileKey, iv, { authTagLength: tagBytes }))
}

/** What is authentic but no compressed database: the ZIP files that hold stickers and wallpapers, and anything else. */
function requireDatabase(start: Buffer): void {
  if (!looksInflatable(start))
    throw new CofferError('crypt15_not_messages', { holds: isZip(start) ? 'zip' : 'unknown' })
}

/** A zlib stream's first two bytes as zlib itself writes them (RFC 1950, section 2.2). */
function looksInflatable(start: Buffer): boolean {
  return start[0] === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(start[1] ?? 0)
}

function isZip(start: Buffer): boolean {
  return start.toString('latin1', 0, 4) === 'PK\u0003\u0004'
}

async function openSource(path: string): Promise<FileHandle> {
  try {
    const source = await open(path, 'r')
    if ((await source.stat()).isFile()) return source
    await source.close()
  } catch (error) {
    throw fileFailure(error, path)
  }
  throw damaged('it is not a file')
}

/** What zlib and the decipher say of content they cannot accept; anything else that goes wrong is not the file's. */
function isContentError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return ('code' in error && String(error.code).startsWith('Z_')) || error.message.includes('unable to authenticate')
}

async function* chunksOf(
  source: FileHandle,
  from: number,
  to: number,
  job: UnlockCrypt15,
  phase: 'check' | 'write',
): AsyncGenerator<Buffer> {
  for (let at = from; at < to;) {
    job.signal?.throwIfAborted()
    const chunk = await readAt(source, at, Math.min(chunkBytes, to - at))
    at += chunk.length
    yield chunk
    job.onProgress?.({ phase, done: at - from, total: to - from, item: job.file })
  }
}

async function readAt(source: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await source.read(bytes, done, length - done, position + done)
    if (bytesRead === 0) throw damaged('it became shorter while it was read')
    done += bytesRead
  }
  return bytes
}
