/** Is this request the owner's? The record id is made of his key, so nobody has to have been here before. */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { clockTolerance } from '../../contract/vault-limits.ts'
import type { Newest, OwnerHeaders } from '../../contract/vault.ts'
import { newest as newestPreimage, ownerRequest, recordId } from '../../contract/vault-preimages.ts'
import { hash } from './hash.ts'
import type { OwnerRequest } from './ownership.ts'
import { Refused } from './refused.ts'

export interface SignedRequest {
  method: string
  /** Without query. */
  path: string
  rid: Buffer
  headers: OwnerHeaders
  body: Uint8Array
}

/** Refused (not_authorized) unless the owner of `rid` signed exactly this, for this vault. */
export function verifyOwner(it: SignedRequest, fingerprint: Uint8Array): OwnerRequest {
  const { headers, rid } = it
  const ownerKey = Buffer.from(headers['coffer-owner'], 'base64url')
  if (!hash(recordId(ownerKey)).equals(rid)) throw new Refused('not_authorized')
  const requestId = Buffer.from(headers['coffer-request'], 'base64url')
  const generation = headers['coffer-generation']
  const bodyDigest = createHash('sha512').update(it.body).digest()
  const signed = ownerRequest({
    method: it.method,
    path: it.path,
    fingerprint,
    rid,
    generation,
    requestId,
    time: headers['coffer-time'],
    bodyDigest,
  })
  if (!isSigned(ownerKey, signed, headers['coffer-signature'])) throw new Refused('not_authorized')
  return { ownerKey, rid, generation, requestId, bodyDigest }
}

/**
 * Refused (not_authorized) unless it was signed within the last minutes. For what no generation and no ticket bounds:
 * reading, and deleting, which a relay could otherwise hold back for a year.
 */
export function requireRecent(headers: OwnerHeaders, now: number): void {
  if (Math.abs(now - headers['coffer-time']) > clockTolerance) throw new Refused('not_authorized')
}

/** Refused (not_authorized) unless the owner signed this witness. */
export function verifyNewest(ownerKey: Buffer, rid: Buffer, newest: Newest): void {
  if (!isSigned(ownerKey, newestPreimage(rid, newest), newest.signature)) throw new Refused('not_authorized')
}

function isSigned(ownerKey: Buffer, bytes: Uint8Array, signature: string): boolean {
  try {
    return verify(null, bytes, ed25519(ownerKey), Buffer.from(signature, 'base64url'))
  } catch {
    // Not a point of the curve.
    return false
  }
}

/** What stands before the 32 bytes of a public Ed25519 key in its SPKI (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

function ed25519(key: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiPrefix, key]), format: 'der', type: 'spki' })
}
