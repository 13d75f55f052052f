/**
 * A blob: one sealed piece of an archive (docs/FORMAT.md, "Blobs").
 *
 * XChaCha20-Poly1305 with a fresh random 24-byte nonce: at 192 bits random nonces never repeat, so no state has to
 * survive a crash or be shared by workers. The additional data names archive, pack, kind, place and compression, so
 * a blob that was moved, swapped or relabelled fails to open rather than being taken for another.
 */
import sodium from 'sodium-native'
import { constants, zstdCompressSync } from 'node:zlib'
import { Malformed, preimage, u32 } from './bytes.ts'
import { maxBlobPlain, maxBlobSealed, sealOverhead } from './limits.ts'
import { type ArchiveId, type PackId, idBytes } from './names.ts'
import { openFrame } from './zstd-frame.ts'

/** What a blob holds. Part of the format: never renumber. */
export const blobKind = { pages: 1, piece: 2, map: 3, files: 4, root: 5, padding: 6, index: 7, forgotten: 8 } as const
export type BlobKind = (typeof blobKind)[keyof typeof blobKind]

/** Where in its pack a blob lies, and how to open it. */
export interface Placed {
  /** Position among the pack's blobs, from 0. */
  ordinal: number
  /** Bytes from the start of the pack. */
  offset: number
  /** Sealed bytes. */
  length: number
  /** Whether the plain bytes were compressed. */
  compressed: boolean
}

/** Builds the additional data of one pack's blobs; kind, ordinal and flag are patched in, to spare allocations. */
export class BlobLabel {
  private readonly bytes: Buffer
  private readonly tail: number
  constructor(archive: ArchiveId, pack: PackId) {
    const fixed = preimage('coffer-blob-1', idBytes(archive), idBytes(pack))
    this.tail = fixed.length
    this.bytes = Buffer.concat([fixed, preimage(Buffer.alloc(1), u32(0), Buffer.alloc(1))])
  }
  /** Valid until the next call. */
  of(kind: BlobKind, ordinal: number, compressed: boolean): Buffer {
    this.bytes.writeUInt8(kind, this.tail + 4)
    this.bytes.writeUInt32LE(ordinal, this.tail + 9)
    this.bytes.writeUInt8(compressed ? 1 : 0, this.tail + 17)
    return this.bytes
  }
}

/** The most that zstd makes of so many bytes (ZSTD_COMPRESSBOUND in zstd.h), and a little more. */
const zstdBound = (length: number) => length + (length >> 8) + 128

const level = { [constants.ZSTD_c_compressionLevel]: 1 }

/** A piece of media that is larger is tried on a sample of this many bytes from its middle. */
const sampleBytes = 16 * 1024

/** The bytes to seal: compressed when that makes them smaller. */
export function shrink(kind: BlobKind, plain: Buffer): { bytes: Buffer; compressed: boolean } {
  if (plain.length < 32 || (kind === blobKind.piece && looksIncompressible(plain)))
    return { bytes: plain, compressed: false }
  // Room for the largest possible output makes zstd work from buffer to buffer, and zlib hand it over in one piece.
  const bytes = zstdCompressSync(plain, { chunkSize: zstdBound(plain.length), params: level })
  if (bytes.length < plain.length) return { bytes, compressed: true }
  giveBack(bytes)
  return { bytes: plain, compressed: false }
}

/** Bytes that are counted. */
const evenBytes = 4096
/** The squares of the counts add up to 69,600 for random bytes, more the less even they are; 10 % are left for chance. */
const evenSquares = 76_000

/** Whether every byte comes about as often as any other, as in what is compressed or encrypted: no need to try. */
function isEven(bytes: Buffer): boolean {
  counts.fill(0)
  for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1
  let squares = 0
  for (const count of counts) squares += count * count
  return squares < evenSquares
}
const counts = new Uint32Array(256)

/** Photos, sound and films are compressed already: a sample spares the attempt, and megabytes of output to throw away. */
function looksIncompressible(plain: Buffer): boolean {
  if (plain.length <= 2 * sampleBytes) return false
  if (isEven(plain.subarray(plain.length >> 1, (plain.length >> 1) + evenBytes))) return true
  const sample = plain.subarray(plain.length >> 1, (plain.length >> 1) + sampleBytes)
  const bytes = zstdCompressSync(sample, { chunkSize: zstdBound(sampleBytes), params: level })
  const { length } = bytes
  giveBack(bytes)
  return length > sampleBytes * 0.98
}

/** Seals `bytes` to `into` at `offset`; returns the sealed length. */
export function sealInto(into: Buffer, offset: number, bytes: Buffer, label: Buffer, key: Uint8Array): number {
  const nonce = into.subarray(offset, offset + 24)
  sodium.randombytes_buf(nonce)
  const body = into.subarray(offset + 24, offset + bytes.length + sealOverhead)
  sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(body, bytes, label, null, nonce, key as Buffer)
  return bytes.length + sealOverhead
}

/**
 * The plain bytes of a sealed blob. Throws Malformed when they were altered, belong elsewhere or decompress to more
 * than a blob may hold (a few bytes can claim gigabytes; zlib stops at the limit).
 */
export function openBlob(sealed: Buffer, label: Buffer, compressed: boolean, key: Uint8Array): Buffer {
  // The copy has memory of its own: what is returned may outlive `sealed` and does not hold on to more than itself.
  const copy = Buffer.allocUnsafeSlow(sealed.length)
  sealed.copy(copy)
  return openBlobInPlace(copy, label, compressed, key)
}

/**
 * The same without the copy: the bytes are decrypted where they lie, so `sealed` cannot be opened a second time, and
 * what is returned may be a view of it.
 */
export function openBlobInPlace(sealed: Buffer, label: Buffer, compressed: boolean, key: Uint8Array): Buffer {
  if (sealed.length < sealOverhead) throw new Malformed('a blob is too short')
  if (sealed.length > maxBlobSealed) throw new Malformed('a blob is too large')
  const body = sealed.subarray(24)
  const bytes = body.subarray(0, sealed.length - sealOverhead)
  try {
    // Reading and writing the same place is safe: the tag is checked over all of it before a byte is decrypted.
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(bytes, null, body, label, sealed.subarray(0, 24), key as Buffer)
  } catch {
    throw new Malformed('a blob does not open')
  }
  if (!compressed) return bytes
  return openFrame(bytes, {
    chunkSize: Math.min(maxBlobPlain, Math.max(bytes.length * 4, 300_000)),
    maxOutputLength: maxBlobPlain,
  })
}

/**
 * Gives the memory of what was compressed or decompressed back at once. Left to the garbage collector, which sees only
 * small handles, it piles up to a hundred megabytes before it comes. The buffer must not be used again.
 */
export function giveBack(bytes: Buffer): void {
  const { buffer } = bytes
  // Small buffers share Node's pool, which is not ours to give away.
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0)
}
