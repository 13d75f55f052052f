/**
 * Invites: who may make a record at a vault that is not open to everybody. Each serves once. Its note is signed, so that
 * whoever can write the database cannot invite himself; putting a used one back there lets it serve again.
 */
import { randomBytes } from 'node:crypto'
import { fields } from '../../contract/vault-preimages.ts'
import type { Keystore } from '../keystore/keystore.ts'
import { identityKey, verifySignature } from '../log/chain.ts'
import { FieldReader, Malformed } from './field-reader.ts'
import { hash } from './hash.ts'

/** The name of an invite's note. The token itself is kept nowhere. */
export function inviteNote(token: string): string {
  return `invite:${hash(Buffer.from(token)).toString('base64url')}`
}

export function newInvite(): string {
  return randomBytes(16).toString('base64url')
}

/** What the note says: until when it serves, ms since 1970, and that this vault says so. */
export async function writeInvite(keystore: Keystore, name: string, until: number): Promise<Buffer> {
  return Buffer.from(fields(until, await keystore.sign(preimage(name, until))))
}

/** Whether the note of that name is the vault's (its identity as SPKI), and serves at `now`. */
export function inviteServes(
  it: { identity: Uint8Array; name: string },
  note: Buffer | undefined,
  now: number,
): boolean {
  if (!note) return false
  try {
    const reader = new FieldReader(note)
    const until = reader.number()
    const signature = reader.bytes()
    reader.end()
    return now < until && verifySignature(identityKey(it.identity), preimage(it.name, until), signature)
  } catch (error) {
    if (error instanceof Malformed) return false
    throw error
  }
}

function preimage(name: string, until: number): Uint8Array {
  return fields('coffer-invite-1', name, until)
}
