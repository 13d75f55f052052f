/**
 * The bytes over which the vault's signatures, digests, MACs and seals are made (docs/VAULT.md, "Preimages"). Each is
 * a name of its own and then every field preceded by its length, so that nothing signed for one purpose can stand for
 * another and no two lists of fields give the same bytes. Client and vault use these same builders, each with its own
 * libraries: they cannot differ. Fields that are bytes are base64url in messages and decoded here.
 */
import type { LogHead, Newest, Receipt, Statement, Stretching } from './vault.ts'

const utf8 = new TextEncoder()
/** What each character of base64url stands for, by its code. */
const sixBits = new Uint8Array(128)
for (const [value, character] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'].entries())
  sixBits[character.charCodeAt(0)] = value

/** u32 length (little-endian) and the bytes, for each field; text is UTF-8. */
export function fields(...values: (Uint8Array | string | number)[]): Uint8Array {
  const parts = values.map((value) =>
    typeof value === 'string' ? utf8.encode(value) : typeof value === 'number' ? u64(value) : value,
  )
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + 4 + length, 0))
  const view = new DataView(all.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint32(at, part.length, true)
    all.set(part, at + 4)
    at += 4 + part.length
  }
  return all
}

/** Record id: BLAKE2b-256 over this and nothing else. Not length-prefixed: both parts have one length only. */
export function recordId(ownerKey: Uint8Array): Uint8Array {
  const name = new TextEncoder().encode('coffer-rid-1')
  const all = new Uint8Array(name.length + ownerKey.length)
  all.set(name)
  all.set(ownerKey, name.length)
  return all
}

/** What the owner signs with every request of his. `fingerprint` is the vault's, `bodyDigest` SHA-512 of the body. */
export function ownerRequest(it: {
  method: string
  path: string
  fingerprint: Uint8Array
  rid: Uint8Array
  generation: number
  requestId: Uint8Array
  time: number
  bodyDigest: Uint8Array
}): Uint8Array {
  return fields(
    'coffer-owner-1',
    it.method,
    it.path,
    it.fingerprint,
    it.rid,
    it.generation,
    it.requestId,
    it.time,
    it.bodyDigest,
  )
}

/** The owner's, on the newest snapshot. */
export function newest(rid: Uint8Array, it: Omit<Newest, 'signature'>): Uint8Array {
  return fields('coffer-newest-1', rid, it.number, decode(it.identity))
}

/** The vault's, on the answer to a registration request. */
export function registration(it: {
  rid: Uint8Array
  request: string
  response: string
  ticket: string
  expiresAt: number
}): Uint8Array {
  return fields(
    'coffer-registration-1',
    it.rid,
    decode(it.request),
    decode(it.response),
    decode(it.ticket),
    it.expiresAt,
  )
}

/** The vault's; its BLAKE2b-256 is the receipt's digest. */
export function receipt(it: Omit<Receipt, 'signature'>): Uint8Array {
  return fields(
    'coffer-receipt-1',
    decode(it.rid),
    it.number,
    it.kind,
    it.generation,
    it.attempt,
    it.attemptsLeft,
    it.counter,
    it.at,
    decode(it.message),
    it.stretching.memory,
    it.stretching.passes,
    it.stretching.parallelism,
    decode(it.before),
  )
}

/** The vault's, on where its log stands. */
export function logHead(it: Omit<LogHead, 'signature'>): Uint8Array {
  return fields('coffer-log-head-1', it.place, decode(it.hash))
}

/** The vault's, on the state of a record. */
export function statement(it: Omit<Statement, 'signature'>): Uint8Array {
  return fields(
    'coffer-statement-1',
    decode(it.rid),
    it.state,
    it.generation,
    it.counter,
    it.attemptsLeft,
    it.at,
    it.newest ? fields(it.newest.number, decode(it.newest.identity), decode(it.newest.signature)) : '',
    decode(it.logHead),
    it.logPlace,
    decode(it.asked),
    it.now,
  )
}

/** Digest of OPAQUE's first message (BLAKE2b-256). */
export function firstMessage(message: Uint8Array): Uint8Array {
  return fields('coffer-first-1', message)
}

/** What a statement in answer to an owner was asked by (BLAKE2b-256). */
export function askedByOwner(requestId: Uint8Array): Uint8Array {
  return fields('coffer-asked-1', requestId)
}

/** From OPAQUE's export key to the root of the wrapping keys: BLAKE2b-256 of this, keyed with the export key. */
export function wrapRoot(): Uint8Array {
  return fields('coffer-export-1')
}

/** Additional data of the wrapped key. */
export function wrapping(it: { rid: Uint8Array; generation: number; stretching: Stretching }): Uint8Array {
  const { memory, passes, parallelism } = it.stretching
  return fields('coffer-wrap-1', it.rid, it.generation, memory, passes, parallelism)
}

/** Over what the commitment of a wrapped key is made: BLAKE2b-256, keyed with the commitment key. */
export function commitment(it: { wrapping: Uint8Array; nonce: Uint8Array; sealed: Uint8Array }): Uint8Array {
  return fields('coffer-commitment-1', it.wrapping, it.nonce, it.sealed)
}

/** From the session key to the key of the release: BLAKE2b-256 of this, keyed with the session key. */
export function releaseKey(rid: Uint8Array, generation: number): Uint8Array {
  return fields('coffer-release-key-1', rid, generation)
}

/** Additional data of the release. `message` is the digest of the login's first message. */
export function release(it: { rid: Uint8Array; generation: number; message: Uint8Array }): Uint8Array {
  return fields('coffer-release-1', it.rid, it.generation, it.message)
}

/** base64url, which a schema has looked at before, as bytes. */
export function decode(text: string): Uint8Array {
  const all = new Uint8Array(Math.floor((text.length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (let index = 0; index < text.length; index++) {
    held = (held << 6) | (sixBits[text.charCodeAt(index)] ?? 0)
    bits += 6
    if (bits < 8) continue
    bits -= 8
    all[at++] = held >> bits
    held &= (1 << bits) - 1
  }
  return all
}

function u64(value: number): Uint8Array {
  const all = new Uint8Array(8)
  const view = new DataView(all.buffer)
  view.setUint32(0, value >>> 0, true)
  view.setUint32(4, Math.floor(value / 0x1_0000_0000), true)
  return all
}
