/** The log of all changes as a chain of hashes with a signed head (docs/VAULT.md, "The log"). */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { fields } from '../../contract/vault-preimages.ts'
import type { LogEntry, StoredHead } from '../store/storage.ts'
import { hash } from '../service/hash.ts'

/** A place in the log and the hash of everything up to it. */
export interface Position {
  place: number
  hash: Buffer
}

export const beginning: Position = { place: 0, hash: Buffer.alloc(32) }

/** The position after one more entry. Throws `LogBroken` when the entry does not follow. */
export function follow(position: Position, entry: LogEntry): Position {
  const { rid, counter, digest } = entry
  // What is hashed below is hashed whatever it is, but nothing else of the vault has to bear with such values.
  if (rid.length !== 32 || digest.length !== 32 || !Number.isSafeInteger(counter) || counter < 1)
    throw new LogBroken(`what stands at ${entry.place} is no entry of a log`)
  if (entry.place !== position.place + 1)
    throw new LogBroken(`entry ${entry.place} stands where ${position.place + 1} belongs`)
  return { place: entry.place, hash: link(position.hash, entry) }
}

function link(before: Uint8Array, { place, rid, counter, digest }: LogEntry): Buffer {
  return hash(fields('coffer-log-1', before, place, rid, counter, digest))
}

/** What the vault signs with every group. The epoch is in it: a thief cannot bring back an older seal key's time. */
export function headPreimage({ place, hash, epoch }: Omit<StoredHead, 'signature'>): Uint8Array {
  return fields('coffer-vault-head-1', place, hash, epoch)
}

export type VerifyHead = (head: StoredHead) => boolean

/** Verifies heads with the vault's identity (SPKI, DER). */
export function headVerifier(identity: Uint8Array): VerifyHead {
  const key = identityKey(identity)
  return (head) => verifySignature(key, headPreimage(head), head.signature)
}

export function identityKey(identity: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(identity), format: 'der', type: 'spki' })
}

/** ECDSA with SHA-256, r || s. */
export function verifySignature(key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  return verify('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

/**
 * The log is not what it was: an older or another database was put in its place. The node stops, and only its
 * operator can say what shall be (docs/OPERATING-A-VAULT.md, "When the log is older than the anchor").
 */
export class LogBroken extends Error {}
