/** A record of the vault: what it knows of one escrowed key, and how that is spelled in the database. */
import type { Newest, Stretching } from '../../contract/vault.ts'
import { fields } from '../../contract/vault-preimages.ts'
import { FieldReader } from './field-reader.ts'
import { hash } from './hash.ts'

/**
 * `active`: guesses are left. `exhausted`: none is, but a ticket still lives. `destroyed`, `deleted`: a tombstone,
 * which keeps owner key and generation for ever, so that an old request never revives a record.
 */
export type State = 'active' | 'exhausted' | 'destroyed' | 'deleted'
const states: readonly State[] = ['active', 'exhausted', 'destroyed', 'deleted']

/** A guess that was charged and whose ticket lives; `closed` when it was given back or answered wrongly. */
export interface Attempt {
  /** Digest of OPAQUE's first message. */
  message: Buffer
  /** Which of the ten. */
  number: number
  expiresAt: number
  closed: boolean
  /** The number of its `tried` receipt. */
  receipt: number
}

/** What a repeated third message is recognised by, so that a lost answer can be given again. */
export interface Opened {
  epoch: number
  message: Buffer
  third: Buffer
  /** The number of its `opened` receipt, and of that of the success before: what lies between is news to the owner. */
  receipt: number
  receiptBefore: number
}

/** What a repeated change of the owner is recognised by. */
export interface LastChange {
  requestId: Buffer
  bodyDigest: Buffer
}

export interface VaultRecord {
  rid: Buffer
  state: State
  /** Grows when the record is replaced. */
  generation: number
  /** Grows at every success and every replacement; tickets of an earlier one are void. */
  epoch: number
  /** Grows at every change. */
  counter: number
  /** Guesses left. */
  budget: number
  /** When it came into this state; for `exhausted`, when its last ticket expires. */
  at: number
  ownerKey: Buffer
  stretching: Stretching
  newest: Newest | null
  lastTriedAt: number
  attempts: readonly Attempt[]
  opened: Opened | null
  lastChange: LastChange | null
  receipts: number
  lastReceipt: Buffer
}

/** What only the keystore can unseal. A tombstone has none. */
export interface Secrets {
  /** OPAQUE's server setup, made for this registration alone. */
  setup: Buffer
  registration: Buffer
  /** K, under keys that only the password gives. */
  wrapped: Buffer
}

/** Records in which a password can still be tried. */
export function isLiving(record: VaultRecord): boolean {
  return record.state === 'active' || record.state === 'exhausted'
}

/** The row's bytes. `sealed` is empty for a tombstone; `sealEpoch` says under which key it lies. */
export function encodeRecord(record: VaultRecord, sealEpoch: number, sealed: Uint8Array): Buffer {
  const { newest, opened, lastChange, stretching } = record
  return Buffer.from(
    fields(
      'coffer-record-1',
      record.rid,
      record.state,
      record.generation,
      record.epoch,
      record.counter,
      record.budget,
      record.at,
      record.ownerKey,
      stretching.memory,
      stretching.passes,
      newest ? fields(newest.number, newest.identity, newest.signature) : '',
      record.lastTriedAt,
      fields(
        ...record.attempts.map((it) => fields(it.message, it.number, it.expiresAt, it.closed ? 1 : 0, it.receipt)),
      ),
      opened ? fields(opened.epoch, opened.message, opened.third, opened.receipt, opened.receiptBefore) : '',
      lastChange ? fields(lastChange.requestId, lastChange.bodyDigest) : '',
      record.receipts,
      record.lastReceipt,
      sealEpoch,
      sealed,
    ),
  )
}

export interface DecodedRecord {
  record: VaultRecord
  sealEpoch: number
  sealed: Buffer
}

/** Throws `Malformed` for bytes that no vault wrote: their digest is checked before, so that is a mistake of ours. */
export function decodeRecord(bytes: Uint8Array): DecodedRecord {
  const reader = new FieldReader(bytes)
  reader.expect('coffer-record-1')
  const record: VaultRecord = {
    rid: reader.bytes(),
    state: reader.oneOf(states),
    generation: reader.number(),
    epoch: reader.number(),
    counter: reader.number(),
    budget: reader.number(),
    at: reader.number(),
    ownerKey: reader.bytes(),
    stretching: { memory: reader.number(), passes: reader.number(), parallelism: 1 },
    newest: reader.optional((it) => ({ number: it.number(), identity: it.text(), signature: it.text() })),
    lastTriedAt: reader.number(),
    attempts: reader.list((it) => ({
      message: it.bytes(),
      number: it.number(),
      expiresAt: it.number(),
      closed: it.flag(),
      receipt: it.number(),
    })),
    opened: reader.optional((it) => ({
      epoch: it.number(),
      message: it.bytes(),
      third: it.bytes(),
      receipt: it.number(),
      receiptBefore: it.number(),
    })),
    lastChange: reader.optional((it) => ({ requestId: it.bytes(), bodyDigest: it.bytes() })),
    receipts: reader.number(),
    lastReceipt: reader.bytes(),
  }
  const decoded = { record, sealEpoch: reader.number(), sealed: reader.bytes() }
  reader.end()
  return decoded
}

/** What the log remembers of a row. */
export function rowDigest(rid: Uint8Array, bytes: Uint8Array): Buffer {
  return hash(fields('coffer-row-1', rid, bytes))
}

/** What a record's seal is bound to: moved to another record, another moment or another budget, it does not open. */
export function sealBinding(record: VaultRecord): Uint8Array {
  const { rid, generation, epoch, counter, budget, state } = record
  return fields('coffer-secrets-1', rid, generation, epoch, counter, budget, state)
}

export function encodeSecrets({ setup, registration, wrapped }: Secrets): Uint8Array {
  return fields(setup, registration, wrapped)
}

export function decodeSecrets(bytes: Uint8Array): Secrets {
  const reader = new FieldReader(bytes)
  const secrets = { setup: reader.bytes(), registration: reader.bytes(), wrapped: reader.bytes() }
  reader.end()
  return secrets
}
