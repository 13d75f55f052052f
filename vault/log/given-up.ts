/**
 * Records whose rows are lost: the log knows them, the database has nothing of them. An operator can give them up
 * (`coffer-vault recover`); their owners are then told that they were destroyed, and may create anew.
 *
 * Nobody knows their whole ids any more, only the halves that are in the index of known rows. So being given up is an
 * entry of the log under that half, whose digest is no row's: the index takes it in like every other. It is signed with
 * the log, as is everything that the index says; no thief who deletes a row can also have it given up.
 */
import { blank } from '../service/ownership.ts'
import { hash } from '../service/hash.ts'
import type { VaultRecord } from '../service/record.ts'
import type { LogEntry } from '../store/storage.ts'
import type { KnownRow } from './known-rows.ts'

const half = 16
/** The first half of such a digest; a time follows, and zeros. A row's digest begins so once in 2^64. */
const mark = hash(Buffer.from('coffer-given-up-1')).subarray(0, 8)

/** `entry` is one of KnownRows.entries(). */
export function giveUp(entry: Buffer, known: KnownRow, now: number): Omit<LogEntry, 'place'> {
  const rid = Buffer.alloc(32)
  entry.copy(rid, 0, 0, half)
  const digest = Buffer.alloc(32)
  mark.copy(digest)
  digest.writeBigUInt64LE(BigInt(now), mark.length)
  return { rid, counter: known.counter + 1, digest }
}

export function isGivenUp({ digest }: KnownRow): boolean {
  return digest.subarray(0, mark.length).equals(mark)
}

/** The tombstone in place of a row that was given up; undefined for one that was not. */
export function givenUp(rid: Buffer, known: KnownRow): VaultRecord | undefined {
  if (!isGivenUp(known)) return undefined
  const at = Number(known.digest.readBigUInt64LE(mark.length))
  return { ...blank({ rid, ownerKey: Buffer.alloc(32) }), state: 'destroyed', counter: known.counter, at }
}
