/**
 * The owner of a vault record: an Ed25519 key made from K. Its public half makes the record's id, so nobody can take an
 * id before its owner, and whoever holds K can replace or delete the record without any password.
 */
import { createHash, randomBytes } from 'node:crypto'
import sodium from 'sodium-native'
import { requestIdBytes } from '../../../contract/vault-limits.ts'
import { Newest, RecordId } from '../../../contract/vault.ts'
import { newest as newestPreimage, ownerRequest, recordId } from '../../../contract/vault-preimages.ts'
import { lockedBuffer, type Secret, wipe, withSecret } from '../keys/secret.ts'
import { deriveSubkey } from '../keys/subkeys.ts'
import { hash } from './identity.ts'

export interface Owner {
  /** Ed25519, 32 bytes. */
  key: Buffer
  /** The record's id: 32 bytes, and as messages spell it. */
  record: Buffer
  rid: RecordId
  /** Signs, 64 bytes. */
  sign(bytes: Uint8Array): Buffer
  /** Wipes the signing key. Safe to call twice. */
  close(): void
}

/** The owner that K makes. The caller closes it. */
export function openOwner(secret: Secret): Owner {
  const seed = withSecret(secret, (key) => deriveSubkey(key, 'ownerSeed'))
  const key = Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES)
  const signing = lockedBuffer(sodium.crypto_sign_SECRETKEYBYTES)
  sodium.crypto_sign_seed_keypair(key, signing, view(seed))
  wipe(seed)
  const record = ridOf(key)
  let closed = false
  return {
    key,
    record,
    rid: RecordId.parse(record.toString('base64url')),
    sign(bytes) {
      if (closed) throw new Error('this owner was closed')
      const signature = Buffer.alloc(sodium.crypto_sign_BYTES)
      sodium.crypto_sign_detached(signature, view(bytes), signing)
      return signature
    },
    close() {
      closed = true
      wipe(signing)
    },
  }
}

/** The id of the record that belongs to an owner's public key. */
export function ridOf(ownerKey: Uint8Array): Buffer {
  return hash(recordId(ownerKey))
}

/** A request of the owner's: the headers that sign it, and its id, which the vault's answer will name. */
export function signRequest(
  owner: Owner,
  it: { method: string; path: string; fingerprint: Uint8Array; generation: number; now: Date; body: Uint8Array },
): { requestId: Buffer; headers: Record<string, string> } {
  const requestId = randomBytes(requestIdBytes)
  const time = it.now.getTime()
  const signature = owner.sign(
    ownerRequest({
      method: it.method,
      path: it.path,
      fingerprint: it.fingerprint,
      rid: owner.record,
      generation: it.generation,
      requestId,
      time,
      bodyDigest: createHash('sha512').update(it.body).digest(),
    }),
  )
  return {
    requestId,
    headers: {
      'coffer-owner': owner.key.toString('base64url'),
      'coffer-generation': String(it.generation),
      'coffer-request': requestId.toString('base64url'),
      'coffer-time': String(time),
      'coffer-signature': signature.toString('base64url'),
    },
  }
}

/** What the owner says of the newest backup; `identity` is the snapshot's, 64 hexadecimal digits. */
export function signNewest(owner: Owner, it: { seq: number; identity: string }): Newest {
  const said = { number: it.seq, identity: Buffer.from(it.identity, 'hex').toString('base64url') }
  return Newest.parse({ ...said, signature: owner.sign(newestPreimage(owner.record, said)).toString('base64url') })
}

/** Whether what a vault shows as the newest backup was said by the owner. */
export function isOwnNewest(owner: Pick<Owner, 'key' | 'record'>, { signature, ...said }: Newest): boolean {
  return sodium.crypto_sign_verify_detached(
    Buffer.from(signature, 'base64url'),
    view(newestPreimage(owner.record, said)),
    owner.key,
  )
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
