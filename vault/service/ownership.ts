/** What an owner may do with the record of his key: make, replace and delete it, and say which backup is the newest. */
import { budget as fullBudget } from '../../contract/vault-limits.ts'
import type { Newest, Stretching } from '../../contract/vault.ts'
import { addReceipt, type Draft } from './receipts.ts'
import { isLiving, type LastChange, type Secrets, type VaultRecord } from './record.ts'
import { changed, type Moment, type Outcome, secretsOf, settled } from './transition.ts'

/** An owner's request after its signature was verified. */
export interface OwnerRequest extends LastChange {
  ownerKey: Buffer
  rid: Buffer
  /** The generation that the owner takes the record to have; 0 for none. */
  generation: number
}

export interface NewRecord {
  secrets: Secrets
  stretching: Stretching
  newest: Newest | null
  /** When the registration ticket stops serving. */
  expiresAt: number
  /** The record's counter when that ticket was given; 0 for none. */
  counter: number
  /** The invite that is used up by creating, and whether its note serves; undefined where none is needed. */
  invite: { name: string; serves: (note: Buffer | undefined, now: number) => boolean } | undefined
}

export type ChangeResult =
  | { outcome: 'done'; receipt: Draft | undefined; record: VaultRecord }
  | { outcome: 'conflict' | 'ticket_expired' | 'invite_needed'; record: VaultRecord | undefined }
  | { outcome: 'no_record'; record: VaultRecord | undefined }

/** Creates or replaces: the old record or the new one, whole. */
export function put(moment: Moment, owner: OwnerRequest, it: NewRecord): Outcome<ChangeResult> {
  return settled<ChangeResult>(moment, (moment) => {
    const { record, now, notes } = moment
    if (record && isLiving(record) && isRepeat(record, owner) && record.generation === owner.generation + 1)
      return { value: { outcome: 'done', receipt: undefined, record } }
    if (owner.generation !== (record?.generation ?? 0)) return { value: { outcome: 'conflict', record } }
    if (record?.lastChange?.requestId.equals(owner.requestId)) return { value: { outcome: 'conflict', record } }
    if (now >= it.expiresAt) return { value: { outcome: 'ticket_expired', record } }
    // A tombstone keeps its generation, so the generation alone would let through a change of password that somebody
    // held back until the record was deleted. Whoever creates anew begins after the end.
    if (record && !isLiving(record) && it.counter < record.counter) return { value: { outcome: 'conflict', record } }
    // Whoever has a record was invited once; a new key needs an invite of its own.
    if (!record && it.invite !== undefined && !it.invite.serves(notes.get(it.invite.name), now))
      return { value: { outcome: 'invite_needed', record } }
    const base = record ?? blank(owner)
    const next = changed(base, {
      state: 'active',
      generation: owner.generation + 1,
      // A tombstone of a lost row has none; where there is one, it is the same.
      ownerKey: owner.ownerKey,
      epoch: base.epoch + 1,
      budget: fullBudget,
      at: now,
      stretching: it.stretching,
      newest: newer(base.newest, it.newest),
      // What was tried against the record before says nothing of this one.
      lastTriedAt: 0,
      attempts: [],
      opened: null,
      lastChange: { requestId: owner.requestId, bodyDigest: owner.bodyDigest },
    })
    const kind = record && isLiving(record) ? 'replaced' : 'created'
    const made = addReceipt(next, { kind, at: now })
    return {
      value: { outcome: 'done', receipt: made.receipt, record: made.record },
      next: { record: made.record, secrets: it.secrets },
      receipts: [made.receipt],
      ...(!record && it.invite !== undefined ? { notes: new Map([[it.invite.name, null]]) } : {}),
    }
  })
}

/** Leaves a tombstone. */
export function remove(moment: Moment, owner: OwnerRequest): Outcome<ChangeResult> {
  return settled<ChangeResult>(moment, ({ record, now }) => {
    if (!record) return { value: { outcome: 'no_record', record } }
    if (record.state === 'deleted')
      return isRepeat(record, owner) && record.generation === owner.generation
        ? { value: { outcome: 'done', receipt: undefined, record } }
        : { value: { outcome: 'no_record', record } }
    if (owner.generation !== record.generation) return { value: { outcome: 'conflict', record } }
    const dead = changed(record, {
      state: 'deleted',
      budget: 0,
      at: now,
      attempts: [],
      opened: null,
      newest: null,
      lastChange: { requestId: owner.requestId, bodyDigest: owner.bodyDigest },
    })
    const gone = addReceipt(dead, { kind: 'deleted', at: now })
    return {
      value: { outcome: 'done', receipt: gone.receipt, record: gone.record },
      next: { record: gone.record, secrets: undefined },
      receipts: [gone.receipt],
    }
  })
}

/** The witness of the newest backup only grows. */
export function setNewest(moment: Moment, owner: OwnerRequest, newest: Newest): Outcome<ChangeResult> {
  return settled<ChangeResult>(moment, (moment) => {
    const { record } = moment
    if (!record || !isLiving(record)) return { value: { outcome: 'no_record', record } }
    if (owner.generation !== record.generation) return { value: { outcome: 'conflict', record } }
    const known = record.newest
    if (known && known.number === newest.number && known.identity === newest.identity)
      return { value: { outcome: 'done', receipt: undefined, record } }
    if (known && known.number >= newest.number) return { value: { outcome: 'conflict', record } }
    const next = changed(record, { newest })
    return {
      value: { outcome: 'done', receipt: undefined, record: next },
      next: { record: next, secrets: secretsOf(moment) },
    }
  })
}

/** Only what time has done to it. */
export function look(moment: Moment): Outcome<VaultRecord | undefined> {
  return settled(moment, ({ record }) => ({ value: record }))
}

function isRepeat({ lastChange }: VaultRecord, { requestId, bodyDigest }: OwnerRequest): boolean {
  return lastChange !== null && lastChange.requestId.equals(requestId) && lastChange.bodyDigest.equals(bodyDigest)
}

function newer(known: Newest | null, brought: Newest | null): Newest | null {
  return brought && (!known || brought.number > known.number) ? brought : known
}

/** A record before it was ever made. */
export function blank({ rid, ownerKey }: Pick<OwnerRequest, 'rid' | 'ownerKey'>): VaultRecord {
  return {
    rid,
    state: 'deleted',
    generation: 0,
    epoch: 0,
    counter: 0,
    budget: 0,
    at: 0,
    ownerKey,
    stretching: { memory: 8, passes: 1, parallelism: 1 },
    newest: null,
    lastTriedAt: 0,
    attempts: [],
    opened: null,
    lastChange: null,
    receipts: 0,
    lastReceipt: Buffer.alloc(32),
  }
}
