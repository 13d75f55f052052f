/**
 * Keyed BLAKE2b in its uses here (docs/FORMAT.md, "Hashes"). Keyed, so that a cloud that knows a file cannot tell
 * whether it is in the archive.
 */
import sodium from 'sodium-native'
import type { ArchiveKeys } from '../../keys/subkeys.ts'
import { preimage, u32, u64 } from './bytes.ts'
import { hashBytes, pageHashBytes } from './limits.ts'
import { sodium5 } from './sodium5.ts'

/** BLAKE2b of `length` bytes (16 to 64) over `input`. */
export function keyedHash(key: Uint8Array, input: Uint8Array, length = hashBytes): Buffer {
  const out = Buffer.allocUnsafe(length)
  sodium.crypto_generichash(out, view(input), view(key))
  return out
}

/** The hash of a page's content alone, written to `out` (16 bytes). */
export function hashPage(keys: Pick<ArchiveKeys, 'pageHash'>, page: Buffer, out: Buffer): void {
  sodium.crypto_generichash(out, page, view(keys.pageHash))
}

/** The hash of a piece's content alone, written to `out` (32 bytes). */
export function hashPiece(keys: Pick<ArchiveKeys, 'pieceHash'>, piece: Buffer, out: Buffer): void {
  sodium.crypto_generichash(out, piece, view(keys.pieceHash))
}

/** A digest that is fed in steps: the state grows with nothing. */
export class Digest {
  private readonly state = Buffer.from(new ArrayBuffer(sodium5.crypto_generichash_STATEBYTES))
  constructor(key: Uint8Array, first: Uint8Array) {
    sodium5.crypto_generichash_init(this.state, view(key), hashBytes)
    this.update(first)
  }
  update(bytes: Uint8Array): this {
    if (bytes.length > 0) sodium5.crypto_generichash_update(this.state, view(bytes))
    return this
  }
  final(): Buffer {
    const out = Buffer.allocUnsafe(hashBytes)
    sodium5.crypto_generichash_final(this.state, out)
    return out
  }
}

/** The digest of a database; feed it the 16-byte hashes of all pages in order. */
export function databaseDigest(keys: Pick<ArchiveKeys, 'digest'>, pageSize: number, pageCount: number): Digest {
  return new Digest(keys.digest, preimage('coffer-database-1', u32(pageSize), u64(pageCount)))
}

/** The digest of a file from its piece hashes in order. */
export function fileDigest(keys: Pick<ArchiveKeys, 'digest'>, size: number, pieces: Uint8Array): Buffer {
  return keyedHash(keys.digest, preimage('coffer-file-1', u64(size), pieces))
}

/** The digest of a list of files; feed it each live entry's `fileListField` in path order. */
export function fileListDigest(keys: Pick<ArchiveKeys, 'digest'>): Digest {
  return new Digest(keys.digest, preimage('coffer-files-1'))
}

/** The check value that tells a wrong key before anything is downloaded: 16 bytes. */
export function keyCheck(keys: Pick<ArchiveKeys, 'keyCheck'>, archive: Uint8Array): Buffer {
  return keyedHash(keys.keyCheck, preimage('coffer-check-1', archive), pageHashBytes)
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
