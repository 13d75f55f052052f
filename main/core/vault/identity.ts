/** Who a vault is: its signing key, known by its fingerprint (docs/VAULT.md, "Names"). */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import sodium from 'sodium-native'

export interface VaultIdentity {
  /** SHA-256 of the key as SPKI: 32 bytes. */
  fingerprint: Buffer
  /** Whether `signature` (r || s, base64url) is the vault's over these bytes. */
  signed(bytes: Uint8Array, signature: string): boolean
}

/** The identity that a vault shows (SPKI, DER); undefined if it is no P-256 key. */
export function readIdentity(spki: Uint8Array): VaultIdentity | undefined {
  const bytes = Buffer.from(spki)
  let key: KeyObject
  try {
    key = createPublicKey({ key: bytes, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return undefined
  return {
    fingerprint: createHash('sha256').update(bytes).digest(),
    signed: (message, signature) =>
      verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')),
  }
}

/** BLAKE2b-256, the hash of record ids, receipts and what was asked. */
export function hash(bytes: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(32)
  sodium.crypto_generichash(out, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  return out
}
