/**
 * What a node knows of all records, written down and signed, so that starting does not mean reading the log from its
 * first day. Nothing in it is secret; what matters is that only this vault can have written it.
 */
import { createHash } from 'node:crypto'
import { fields } from '../../contract/vault-preimages.ts'
import type { Keystore } from '../keystore/keystore.ts'
import { FieldReader, Malformed } from '../service/field-reader.ts'
import type { Storage } from '../store/storage.ts'
import { beginning, identityKey, LogBroken, type Position, verifySignature } from './chain.ts'
import { knownRowBytes, KnownRows } from './known-rows.ts'

const entriesInPart = 25_000

/** Writes one. `known` must be a copy that stands still. Log entries before `keepFrom` may then be dropped. */
export async function writeCheckpoint(
  { storage, keystore }: { storage: Storage; keystore: Keystore },
  { known, position, keepFrom }: { known: KnownRows; position: Position; keepFrom: number },
): Promise<void> {
  const digest = createHash('sha256')
  async function* parts(): AsyncGenerator<Buffer> {
    let part: Buffer[] = []
    for (const entry of known.entries()) {
      part.push(Buffer.from(entry))
      if (part.length < entriesInPart) continue
      const bytes = Buffer.concat(part)
      digest.update(bytes)
      part = []
      yield bytes
    }
    const bytes = Buffer.concat(part)
    digest.update(bytes)
    yield bytes
    const whole = digest.digest()
    const signature = await keystore.sign(preimage(position, whole))
    yield Buffer.from(fields(position.hash, whole, signature))
  }
  await storage.putCheckpoint(position.place, parts(), keepFrom)
}

/** The latest, or the beginning where there is none. LogBroken when it is not this vault's or not whole. */
export async function readCheckpoint(
  storage: Storage,
  identity: Uint8Array,
): Promise<{ known: KnownRows; position: Position }> {
  const stored = await storage.checkpoint()
  const known = new KnownRows()
  if (!stored) return { known, position: beginning }
  const digest = createHash('sha256')
  // The last part is the signature, so each is looked at when the next one shows that it was not the last.
  let last: Buffer | undefined
  for await (const part of stored.parts) {
    if (last) takeIn(known, last, digest)
    last = part
  }
  if (!last) throw new LogBroken('the checkpoint is empty')
  const { hash, whole, signature } = signedEnd(last)
  const position = { place: stored.place, hash }
  if (!digest.digest().equals(whole)) throw new LogBroken('the checkpoint is not whole')
  if (!verifySignature(identityKey(identity), preimage(position, whole), signature))
    throw new LogBroken('the checkpoint is not signed by this vault')
  return { known, position }
}

function signedEnd(part: Buffer): { hash: Buffer; whole: Buffer; signature: Buffer } {
  try {
    const reader = new FieldReader(part)
    const end = { hash: Buffer.from(reader.bytes()), whole: reader.bytes(), signature: reader.bytes() }
    reader.end()
    return end
  } catch (error) {
    if (error instanceof Malformed) throw new LogBroken('the checkpoint is not whole')
    throw error
  }
}

function takeIn(known: KnownRows, part: Buffer, digest: { update(bytes: Buffer): unknown }): void {
  digest.update(part)
  if (part.length % knownRowBytes !== 0) throw new LogBroken('the checkpoint is not whole')
  for (let at = 0; at < part.length; at += knownRowBytes) known.add(part.subarray(at, at + knownRowBytes))
}

function preimage({ place, hash }: Position, digest: Uint8Array): Uint8Array {
  return fields('coffer-checkpoint-1', place, hash, digest)
}
