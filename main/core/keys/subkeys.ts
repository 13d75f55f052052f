/**
 * The subkeys of an archive's 64-digit key K (docs/FORMAT.md, "Keys").
 *
 * One purpose, one key: a value made for one purpose can then never be replayed as another. Each is 32 bytes from
 * crypto_kdf_derive_from_key (BLAKE2b with the id as salt and the context as personalisation), context `coffer01`.
 * Jobs and seal workers get these, never K: whoever reads a worker's memory can read this archive, but cannot open
 * the vault record or sign as its owner.
 */
import sodium from 'sodium-native'
import { lockedBuffer, wipe } from './secret.ts'

/** Subkey ids. Never renumber: they are part of the format. */
const ids = {
  blobs: 1,
  manifests: 2,
  keyCheck: 3,
  headerMac: 4,
  pageHash: 5,
  pieceHash: 6,
  digest: 7,
  identity: 8,
  ownerSeed: 9,
} as const

const context = Buffer.from('coffer01')

export type Purpose = keyof typeof ids
/** What jobs and workers need; the owner's signing seed stays with the vault client. */
export type ArchiveKeys = Readonly<Record<Exclude<Purpose, 'ownerSeed'>, Uint8Array>>

/** One subkey of K (32 bytes), in locked memory of its own; the caller gives it back with `wipe`. */
export function deriveSubkey(key: Uint8Array, purpose: Purpose): Uint8Array {
  const subkey = lockedBuffer(sodium.crypto_kdf_KEYBYTES)
  sodium.crypto_kdf_derive_from_key(
    subkey,
    ids[purpose],
    context,
    Buffer.from(key.buffer, key.byteOffset, key.byteLength),
  )
  return subkey
}

/** All subkeys that jobs need. Wipe them with `wipeKeys` when the job is over. */
export function deriveKeys(key: Uint8Array): ArchiveKeys {
  return {
    blobs: deriveSubkey(key, 'blobs'),
    manifests: deriveSubkey(key, 'manifests'),
    keyCheck: deriveSubkey(key, 'keyCheck'),
    headerMac: deriveSubkey(key, 'headerMac'),
    pageHash: deriveSubkey(key, 'pageHash'),
    pieceHash: deriveSubkey(key, 'pieceHash'),
    digest: deriveSubkey(key, 'digest'),
    identity: deriveSubkey(key, 'identity'),
  }
}

/** Overwrites every subkey with zeros; the keys cannot be used afterwards. */
export function wipeKeys(keys: ArchiveKeys): void {
  for (const key of Object.values(keys)) wipe(key)
}
