/** Deciding one group: many requests on records, each in its turn, to one set of changes. */
import type { Receipt } from '../../contract/vault.ts'
import { receipt as receiptPreimage } from '../../contract/vault-preimages.ts'
import { type Keystore, SealRefused } from '../keystore/keystore.ts'
import type { Draft } from '../service/receipts.ts'
import {
  decodeSecrets,
  encodeRecord,
  encodeSecrets,
  rowDigest,
  sealBinding,
  type Secrets,
  type VaultRecord,
} from '../service/record.ts'
import type { Outcome, Transition } from '../service/transition.ts'
import type { Changes, LogEntry, Seen, StoredReceipt, StoredRow } from '../store/storage.ts'
import { follow, headPreimage } from './chain.ts'
import { type Reading, readRow, RowRefused } from './reading.ts'

export interface Request<T> {
  rid: Buffer
  transition: Transition<T>
  /** Names of notes that the transition looks at. */
  notes: readonly string[]
}

export interface Decided<T> {
  value: T
  /** The record afterwards. */
  record: VaultRecord | undefined
  /** Those of this request, signed. */
  receipts: readonly Receipt[]
}

/** One request's end: its decision, or why its record could not be touched. */
export type Result<T> = { decided: Decided<T> } | { refused: Error }

interface Held {
  record: VaultRecord | undefined
  secrets: Secrets | undefined
  changed: boolean
  refused?: Error
}

/** What a group came to. `changes` is undefined when nothing is to be written. */
export interface GroupOutcome {
  results: Result<unknown>[]
  changes: Changes | undefined
  /** A living record became a tombstone: its old bytes should go. */
  destroyed: boolean
}

/** Throws KeystoreUnavailable, and then nothing has happened. */
export async function decideGroup(
  requests: readonly Request<unknown>[],
  { seen, reading, keystore }: { seen: Seen; reading: Reading; keystore: Keystore },
): Promise<GroupOutcome> {
  const held = await openAll(requests, { seen, reading, keystore })
  const notes = new Map<string, Buffer | null>()
  const drafts: Draft[] = []
  const turns: ({ outcome: Outcome<unknown>; record: VaultRecord | undefined } | { refused: Error })[] = []
  let destroyed = false
  for (const request of requests) {
    const it = held.get(request.rid.toString('hex'))
    if (!it) throw new Error('a request lost its record')
    if (it.refused) {
      turns.push({ refused: it.refused })
      continue
    }
    // Earlier requests of this group have taken their notes already: an invite serves once, also within a group.
    const visible = new Map(request.notes.flatMap((name) => noteFor(name, notes, seen.notes)))
    const outcome = request.transition({ record: it.record, secrets: it.secrets, now: seen.now, notes: visible })
    if (outcome.next) {
      destroyed ||= it.secrets !== undefined && outcome.next.secrets === undefined
      Object.assign(it, outcome.next, { changed: true })
      drafts.push(...(outcome.receipts ?? []))
      for (const [name, note] of outcome.notes ?? []) notes.set(name, note)
    }
    turns.push({ outcome, record: it.record })
  }
  const signed = await signAll(drafts, keystore)
  const results = turns.map((turn): Result<unknown> => {
    if ('refused' in turn) return turn
    const receipts = (turn.outcome.next ? (turn.outcome.receipts ?? []) : []).map((draft) => signed.get(draft))
    return {
      decided: {
        value: turn.outcome.value,
        record: turn.record,
        receipts: receipts.filter((it) => it !== undefined),
      },
    }
  })
  const touched = [...held.values()].filter(({ changed }) => changed)
  const changes = touched.length === 0 ? undefined : await seal(touched, reading, keystore)
  return {
    results,
    destroyed,
    changes: changes && { ...changes, notes, receipts: [...signed.values()].map(storedReceipt) },
  }
}

/** Every record that the group is about, checked against the log and unsealed. */
async function openAll(
  requests: readonly Request<unknown>[],
  { seen, reading, keystore }: { seen: Seen; reading: Reading; keystore: Keystore },
): Promise<Map<string, Held>> {
  const rids = new Map(requests.map(({ rid }) => [rid.toString('hex'), rid]))
  const opened = await Promise.all(
    [...rids].map(async ([hex, rid]): Promise<[string, Held]> => {
      try {
        const row = readRow(reading, rid, seen.rows.get(hex))
        if (!row) return [hex, { record: undefined, secrets: undefined, changed: false }]
        const { record, sealed, sealEpoch } = row
        if (sealed.length === 0) return [hex, { record, secrets: undefined, changed: false }]
        const secrets = decodeSecrets(await keystore.open(sealEpoch, sealed, sealBinding(record)))
        return [hex, { record, secrets, changed: false }]
      } catch (error) {
        if (!(error instanceof RowRefused || error instanceof SealRefused)) throw error
        return [hex, { record: undefined, secrets: undefined, changed: false, refused: error }]
      }
    }),
  )
  return new Map(opened)
}

/** Seals every changed record once, in its last state, and appends it to the log. */
async function seal(
  touched: readonly Held[],
  reading: Reading,
  keystore: Keystore,
): Promise<Pick<Changes, 'rows' | 'entries' | 'head'>> {
  const { epoch } = reading
  const rows = await Promise.all(
    touched.flatMap(({ record, secrets }) => (record ? [sealRow(record, secrets, epoch, keystore)] : [])),
  )
  let position = reading.position
  const entries = rows.map(({ row, counter }): LogEntry => {
    const entry = { place: position.place + 1, rid: row.rid, counter, digest: rowDigest(row.rid, row.bytes) }
    position = follow(position, entry)
    return entry
  })
  const head = { ...position, epoch }
  const signature = Buffer.from(await keystore.sign(headPreimage(head)))
  return { rows: rows.map(({ row }) => row), entries, head: { ...head, signature } }
}

async function sealRow(
  record: VaultRecord,
  secrets: Secrets | undefined,
  epoch: number,
  keystore: Keystore,
): Promise<{ row: StoredRow; counter: number }> {
  const sealed = secrets ? await keystore.seal(epoch, encodeSecrets(secrets), sealBinding(record)) : new Uint8Array(0)
  const touchAt = record.state === 'exhausted' ? record.at : null
  return { row: { rid: record.rid, touchAt, bytes: encodeRecord(record, epoch, sealed) }, counter: record.counter }
}

async function signAll(drafts: readonly Draft[], keystore: Keystore): Promise<Map<Draft, Receipt>> {
  return new Map(
    await Promise.all(
      drafts.map(async (draft): Promise<[Draft, Receipt]> => [draft, await signReceipt(draft, keystore)]),
    ),
  )
}

export async function signReceipt(draft: Draft, keystore: Keystore): Promise<Receipt> {
  const signature = Buffer.from(await keystore.sign(receiptPreimage(draft))).toString('base64url')
  return { ...draft, signature }
}

export function storedReceipt(receipt: Receipt): StoredReceipt {
  return {
    rid: Buffer.from(receipt.rid, 'base64url'),
    number: receipt.number,
    bytes: Buffer.from(JSON.stringify(receipt)),
  }
}

function noteFor(
  name: string,
  written: ReadonlyMap<string, Buffer | null>,
  stored: ReadonlyMap<string, Buffer>,
): [string, Buffer][] {
  const note = written.has(name) ? written.get(name) : stored.get(name)
  return note ? [[name, note]] : []
}
