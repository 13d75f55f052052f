/**
 * K under the keys that OPAQUE's export key makes (docs/VAULT.md, "The wrapped key"). XChaCha20-Poly1305 does not
 * commit to its key, so a commitment stands beside: whoever stores what is wrapped cannot make one that opens
 * differently under two passwords.
 */
import sodium from 'sodium-native'
import { releaseBytes, wrappedBytes } from '../../../contract/vault-limits.ts'
import {
  commitment,
  release as releaseLabel,
  releaseKey,
  wrapping,
  wrapRoot,
} from '../../../contract/vault-preimages.ts'
import type { Stretching } from '../../../contract/vault.ts'
import { holdSecret, lockedBuffer, type Secret, secretBytes, wipe, withSecret } from '../keys/secret.ts'

/** What is bound into the wrapped key: it opens as nothing else. */
export interface Bound {
  /** The record's id, 32 bytes. */
  rid: Uint8Array
  generation: number
  stretching: Stretching
}

const nonceBytes = 24
const tagBytes = 16
const context = Buffer.from('cofferwr')

/** K as the vault keeps it: nonce, sealed key, commitment. */
export function wrapKey(secret: Secret, exportKey: Uint8Array, bound: Bound): Buffer {
  const keys = wrapKeys(exportKey)
  try {
    const label = Buffer.from(wrapping(bound))
    const nonce = Buffer.alloc(nonceBytes)
    sodium.randombytes_buf(nonce)
    const sealed = Buffer.alloc(secretBytes + tagBytes)
    withSecret(secret, (key) => {
      sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, key, label, null, nonce, keys.wrap)
    })
    return Buffer.concat([nonce, sealed, commit(keys.commitment, { wrapping: label, nonce, sealed })])
  } finally {
    keys.wipe()
  }
}

/** K again; undefined unless it was wrapped with this export key for just this record, generation and stretching. */
export function unwrapKey(wrapped: Buffer, exportKey: Uint8Array, bound: Bound): Secret | undefined {
  if (wrapped.length !== wrappedBytes) return undefined
  const keys = wrapKeys(exportKey)
  const key = lockedBuffer(secretBytes)
  try {
    const label = Buffer.from(wrapping(bound))
    const nonce = wrapped.subarray(0, nonceBytes)
    const sealed = wrapped.subarray(nonceBytes, nonceBytes + secretBytes + tagBytes)
    const right = commit(keys.commitment, { wrapping: label, nonce, sealed })
    if (!sodium.sodium_memcmp(right, wrapped.subarray(nonceBytes + sealed.length))) return undefined
    if (!opened(key, sealed, label, nonce, keys.wrap)) return undefined
    return holdSecret(key)
  } finally {
    wipe(key)
    keys.wipe()
  }
}

/** What the vault released under the session key; undefined unless it is of just this login. `message`: its digest. */
export function openRelease(
  release: Buffer,
  sessionKey: Uint8Array,
  it: { rid: Uint8Array; generation: number; message: Uint8Array },
): Buffer | undefined {
  if (release.length !== releaseBytes) return undefined
  const key = keyed(releaseKey(it.rid, it.generation), sessionKey)
  try {
    const wrapped = Buffer.alloc(wrappedBytes)
    const label = Buffer.from(releaseLabel(it))
    return opened(wrapped, release.subarray(nonceBytes), label, release.subarray(0, nonceBytes), key)
      ? wrapped
      : undefined
  } finally {
    wipe(key)
  }
}

function wrapKeys(exportKey: Uint8Array): { wrap: Buffer; commitment: Buffer; wipe: () => void } {
  const root = keyed(wrapRoot(), exportKey)
  const [wrap, committing] = [lockedBuffer(32), lockedBuffer(32)]
  sodium.crypto_kdf_derive_from_key(wrap, 1, context, root)
  sodium.crypto_kdf_derive_from_key(committing, 2, context, root)
  wipe(root)
  return {
    wrap,
    commitment: committing,
    wipe() {
      wipe(wrap)
      wipe(committing)
    },
  }
}

function commit(key: Buffer, it: Parameters<typeof commitment>[0]): Buffer {
  const out = Buffer.alloc(32)
  sodium.crypto_generichash(out, Buffer.from(commitment(it)), key)
  return out
}

function keyed(input: Uint8Array, key: Uint8Array): Buffer {
  const out = lockedBuffer(32)
  sodium.crypto_generichash(out, Buffer.from(input), Buffer.from(key.buffer, key.byteOffset, key.byteLength))
  return out
}

function opened(plain: Buffer, sealed: Buffer, label: Buffer, nonce: Buffer, key: Buffer): boolean {
  try {
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(plain, null, sealed, label, nonce, key)
    return true
  } catch {
    return false
  }
}
