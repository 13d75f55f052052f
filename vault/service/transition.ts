/**
 * What can happen to a record, as pure functions: the record and the database's clock in, the next record and its
 * receipts out. The log (vault/log/journal.ts) makes each atomic, durable and unrepeatable; nothing here does I/O, so
 * tests can try every order of events.
 */
import type { Draft } from './receipts.ts'
import { addReceipt } from './receipts.ts'
import type { Secrets, VaultRecord } from './record.ts'

export interface Moment {
  record: VaultRecord | undefined
  /** Absent for tombstones. */
  secrets: Secrets | undefined
  /** The database's clock, ms since 1970. */
  now: number
  /** Notes the request asked to see. */
  notes: ReadonlyMap<string, Buffer>
}

/** Without `next` nothing changes. */
export interface Outcome<T> {
  value: T
  next?: { record: VaultRecord; secrets: Secrets | undefined }
  receipts?: readonly Draft[]
  notes?: ReadonlyMap<string, Buffer | null>
}

export type Transition<T> = (moment: Moment) => Outcome<T>

/** A change of a record that exists: its counter grows. */
export function changed(record: VaultRecord, changes: Partial<VaultRecord>): VaultRecord {
  return { ...record, ...changes, counter: record.counter + 1 }
}

/** The secrets of a living record, which the log has unsealed before any transition runs. */
export function secretsOf(moment: Moment): Secrets {
  if (!moment.secrets) throw new Error('a living record came without its secrets')
  return moment.secrets
}

/** The end of a record: its secrets go, a tombstone remains. */
export function destroy(record: VaultRecord, now: number): { record: VaultRecord; receipt: Draft } {
  const dead = changed(record, { state: 'destroyed', budget: 0, at: now, attempts: [], opened: null })
  return addReceipt(dead, { kind: 'destroyed', at: now })
}

/**
 * Runs a transition on the record as it is now: one whose last ticket has expired unused is destroyed first, by
 * whoever touches it next, whatever they came for.
 */
export function settled<T>(moment: Moment, transition: Transition<T>): Outcome<T> {
  const { record, now } = moment
  if (record?.state !== 'exhausted' || now < record.at) return transition(moment)
  const dead = destroy(record, now)
  const after = transition({ ...moment, record: dead.record, secrets: undefined })
  return {
    value: after.value,
    next: after.next ?? { record: dead.record, secrets: undefined },
    receipts: [dead.receipt, ...(after.receipts ?? [])],
    ...(after.notes ? { notes: after.notes } : {}),
  }
}

/** True while a ticket could still bring the right third message. */
export function hasLiveTicket(record: VaultRecord, now: number): boolean {
  return record.attempts.some((it) => !it.closed && now < it.expiresAt)
}
