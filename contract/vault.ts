/**
 * The vault's HTTP messages (docs/VAULT.md, "HTTP"). Both sides parse everything they are sent with these; what is
 * signed or hashed is spelled by vault-preimages.ts, never by JSON. Bytes are base64url without padding, times are
 * milliseconds since 1970, lengths are exact: OPAQUE's own decoder would let a trailing byte pass.
 */
import { z } from 'zod'
import {
  budget,
  digestBytes,
  identityBytes,
  maxReceipts,
  maxTicket,
  opaqueBytes,
  ownerKeyBytes,
  releaseBytes,
  requestIdBytes,
  signatureBytes,
  wrappedBytes,
} from './vault-limits.ts'

const base64url = /^[A-Za-z0-9_-]*$/

/** Exactly `length` bytes, in the one spelling they have: unused bits of the last character must be zero. */
function bytes(length: number) {
  const characters = Math.ceil((length * 4) / 3)
  const lastOnes = { 0: base64url, 1: /[AQgw]$/, 2: /[AEIMQUYcgkosw048]$/ }[length % 3] ?? base64url
  return z.string().length(characters).regex(base64url).regex(lastOnes)
}
const ticket = z
  .string()
  .min(1)
  .max(Math.ceil((maxTicket * 4) / 3))
  .regex(base64url)
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)
const time = z.number().int().nonnegative().max(8.64e15)
const attempts = z.number().int().min(0).max(budget)

/** A record's id: 32 bytes, base64url. */
export const RecordId = bytes(digestBytes).brand<'RecordId'>()
export type RecordId = z.infer<typeof RecordId>

/** Argon2id's cost as the record keeps it; memory in KiB. */
export const Stretching = z.strictObject({
  memory: z.number().int().min(8).max(0xffffffff),
  passes: z.number().int().min(1).max(0xffff),
  parallelism: z.literal(1),
})
export type Stretching = z.infer<typeof Stretching>

/** The newest snapshot of the archive, signed by the owner key (preimage `newest`). */
export const Newest = z.strictObject({
  number: z.number().int().positive().max(99_999_999),
  identity: bytes(digestBytes),
  signature: bytes(signatureBytes),
})
export type Newest = z.infer<typeof Newest>

export const receiptKinds = ['created', 'replaced', 'tried', 'opened', 'given_back', 'destroyed', 'deleted'] as const

/** What happened to a record, signed by the vault; each names the one before it (preimage `receipt`). */
export const Receipt = z.strictObject({
  rid: RecordId,
  /** Counts the record's receipts, from 1. */
  number: count,
  kind: z.enum(receiptKinds),
  generation: count,
  /** Which guess of the ten, for `tried`, `opened` and `given_back`; otherwise 0. */
  attempt: attempts,
  attemptsLeft: attempts,
  /** The record's counter after this. */
  counter: count,
  at: time,
  /** Digest of OPAQUE's first message, for `tried`, `opened`, `given_back`; otherwise zeros. */
  message: bytes(digestBytes),
  stretching: Stretching,
  /** Digest of the receipt before; zeros for the first. */
  before: bytes(digestBytes),
  signature: bytes(signatureBytes),
})
export type Receipt = z.infer<typeof Receipt>

/** Where the vault's log stands, signed (preimage `logHead`). */
export const LogHead = z.strictObject({ place: count, hash: bytes(digestBytes), signature: bytes(signatureBytes) })
export type LogHead = z.infer<typeof LogHead>

/** What the vault says of a record in answer to one request, signed (preimage `statement`). */
export const Statement = z.strictObject({
  rid: RecordId,
  state: z.enum(['active', 'exhausted', 'destroyed', 'deleted', 'none']),
  generation: count,
  counter: count,
  attemptsLeft: attempts,
  /** When it came into this state; for `exhausted`, when that ends. 0 for `none`. */
  at: time,
  /** The newest backup the vault knows of; its signature is the owner's. */
  newest: Newest.nullable(),
  logHead: bytes(digestBytes),
  logPlace: count,
  /** What was asked: digest of OPAQUE's first message, or of an owner's request id. */
  asked: bytes(digestBytes),
  /** The vault's clock. */
  now: time,
  signature: bytes(signatureBytes),
})
export type Statement = z.infer<typeof Statement>

export const Info = z.strictObject({
  protocols: z.array(z.number().int().positive()).min(1).max(16),
  /** SPKI, DER; its SHA-256 is the fingerprint. */
  identity: bytes(identityBytes),
  keystore: z.enum(['hardware', 'software']),
  /** Which product keeps the keys, in the vault's own words. */
  model: z.string().max(200),
  registration: z.enum(['open', 'invite']),
  /** Waits after the 5th, 6th … failure, ms; empty when there are none. */
  waits: z.array(count).max(16),
  now: time,
})
export type Info = z.infer<typeof Info>

export const RegisterStart = z.strictObject({ request: bytes(opaqueBytes.registrationRequest) })
export const RegisterStarted = z.strictObject({
  response: bytes(opaqueBytes.registrationResponse),
  ticket,
  expiresAt: time,
  /** The vault's, over request, response and ticket (preimage `registration`). */
  signature: bytes(signatureBytes),
})
export type RegisterStarted = z.infer<typeof RegisterStarted>

/** Creates or replaces the record; owner-signed. */
export const PutRecord = z.strictObject({
  record: bytes(opaqueBytes.registrationRecord),
  ticket,
  wrapped: bytes(wrappedBytes),
  stretching: Stretching,
  newest: Newest.nullable(),
  invite: z.string().min(1).max(200).optional(),
})
export type PutRecord = z.infer<typeof PutRecord>
/** Answer to every change an owner makes. */
export const Changed = z.strictObject({ receipt: Receipt.nullable(), statement: Statement })
export type Changed = z.infer<typeof Changed>

export const LoginStart = z.strictObject({ message: bytes(opaqueBytes.loginFirst) })
export const LoginStarted = z.strictObject({
  message: bytes(opaqueBytes.loginSecond),
  ticket,
  expiresAt: time,
  /** `tried`: attempts left and stretching are believed from here. */
  receipt: Receipt,
})
export type LoginStarted = z.infer<typeof LoginStarted>

export const LoginFinish = z.strictObject({ ticket, message: bytes(opaqueBytes.loginThird) })
export const LoginFinished = z.strictObject({
  /** The wrapped key, sealed under the session key. */
  release: bytes(releaseBytes),
  /** The latest, oldest first. */
  receipts: z.array(Receipt).max(maxReceipts),
  statement: Statement,
})
export type LoginFinished = z.infer<typeof LoginFinished>

export const LoginAbandon = z.strictObject({ ticket })
export const LoginAbandoned = z.strictObject({ statement: Statement })
export type LoginAbandoned = z.infer<typeof LoginAbandoned>

export const Receipts = z.strictObject({ receipts: z.array(Receipt).max(maxReceipts), statement: Statement })
export type Receipts = z.infer<typeof Receipts>

/** The headers of a request that the owner signs (preimage `ownerRequest`). */
export const OwnerHeaders = z.object({
  /** Ed25519; the record id is made of it. */
  'coffer-owner': bytes(ownerKeyBytes),
  /** The generation that the record is expected to have; 0 where there is none. */
  'coffer-generation': z.coerce.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  'coffer-request': bytes(requestIdBytes),
  'coffer-time': z.coerce.number().int().nonnegative().max(8.64e15),
  'coffer-signature': bytes(signatureBytes),
})
export type OwnerHeaders = z.infer<typeof OwnerHeaders>

/** Every refusal has this shape and one of these codes; the rest are facts that help. */
export const refusalCodes = {
  wrong_password: 403,
  destroyed: 410,
  no_record: 404,
  rate_limited: 429,
  unavailable: 503,
  conflict: 409,
  not_authorized: 401,
  upgrade_required: 426,
  bad_request: 400,
  too_large: 413,
  not_found: 404,
  invite_needed: 403,
} as const
export type RefusalCode = keyof typeof refusalCodes

export const Refusal = z.object({
  code: z.enum(Object.keys(refusalCodes) as [RefusalCode, ...RefusalCode[]]),
  message: z.string().max(500),
  attemptsLeft: attempts.optional(),
  /** Milliseconds. */
  retryAfter: count.optional(),
  /** Whether a guess was used. */
  charged: z.boolean().optional(),
  /** Bad news is believed only with this. */
  statement: Statement.optional(),
})
export type Refusal = z.infer<typeof Refusal>
