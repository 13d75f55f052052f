/** Following the log: what a node believes of the records, and what it has just read but not yet made its own. */
import { type Position, follow, LogBroken, type VerifyHead } from './chain.ts'
import { givenUp } from './given-up.ts'
import { isKnown, type KnownRow, type KnownRows } from './known-rows.ts'
import { type LogEntry, maxEntries, type Seen, type StoredHead, type StoredRow } from '../store/storage.ts'
import { type DecodedRecord, decodeRecord, rowDigest } from '../service/record.ts'

/** A node's own view of the log, up to the last group it saw committed. */
export interface View {
  position: Position
  epoch: number
  known: KnownRows
  /** The head that this node itself wrote there, and so need not verify. */
  own?: StoredHead
}

/** Where the log stands in one group, and what it says of records there. */
export interface Reading {
  position: Position
  epoch: number
  /** Entries since the view's position. */
  entries: readonly LogEntry[]
  row(rid: Buffer): KnownRow | undefined
}

/** The node is so far behind that it must catch up outside a group first, or the log no longer goes back so far. */
export class Behind extends Error {}

/**
 * Reads on from a view. Nothing is changed: what another node has written becomes this node's own knowledge only with
 * a commit of its own, since a database that has just crashed may show what no quorum ever had.
 * LogBroken: what is there is not a continuation of what this node has seen.
 */
export function readOn(view: View, seen: Pick<Seen, 'head' | 'entries'>, verifyHead: VerifyHead): Reading {
  const { head, entries } = seen
  let position = view.position
  if (!head) {
    if (position.place > 0) throw new LogBroken('the database is empty')
    return { position, epoch: view.epoch, entries: [], row: (rid) => view.known.get(rid) }
  }
  if (head.place < position.place)
    throw new LogBroken(`the database ends at ${head.place}, this node has seen ${position.place}`)
  if (head.place > position.place + maxEntries) throw new Behind()
  // Cut off below a checkpoint, if it is no fault; where there is none, catching up finds that it is one. At the head
  // itself there is nothing to catch up with: whatever lies beyond it was never written by a vault.
  if (head.place > position.place && (entries[0]?.place ?? 0) > position.place + 1) throw new Behind()
  const overlay = new Map<string, KnownRow>()
  for (const entry of entries) {
    position = follow(position, entry)
    overlay.set(entry.rid.toString('hex'), { counter: entry.counter, digest: entry.digest.subarray(0, 16) })
  }
  if (position.place !== head.place || !position.hash.equals(head.hash))
    throw new LogBroken(`the log does not lead to its head at ${head.place}`)
  if (!(view.own && isSameHead(view.own, head)) && !verifyHead(head))
    throw new LogBroken('the head of the log is not signed by this vault')
  return {
    position,
    // An older head of the same place would bring an older key back, which may be about to be destroyed.
    epoch: Math.max(head.epoch, view.epoch),
    entries,
    row: (rid) => overlay.get(rid.toString('hex')) ?? view.known.get(rid),
  }
}

/** A commit has made it so. */
export function adopt(view: View, entries: readonly LogEntry[], head: StoredHead): void {
  for (const entry of entries) view.known.set(entry)
  view.position = { place: head.place, hash: head.hash }
  view.epoch = head.epoch
  view.own = head
}

function isSameHead(a: StoredHead, b: StoredHead): boolean {
  return a.place === b.place && a.epoch === b.epoch && a.hash.equals(b.hash) && a.signature.equals(b.signature)
}

/** A row is not the one that the log knows, or is gone: somebody changed it behind the vault's back. */
export class RowRefused extends Error {}

/** The record in a row, if the row is the newest; undefined where there never was one. */
export function readRow(reading: Reading, rid: Buffer, row: StoredRow | undefined): DecodedRecord | undefined {
  const known = reading.row(rid)
  if (!known && !row) return undefined
  if (!known) throw new RowRefused('there is a row that the log does not know')
  if (!row) {
    const record = givenUp(rid, known)
    if (!record) throw new RowRefused('a row that the log knows is gone')
    return { record, sealEpoch: 0, sealed: Buffer.alloc(0) }
  }
  // The digest first: only bytes that this vault wrote are taken apart.
  const digest = rowDigest(rid, row.bytes)
  if (!known.digest.equals(digest.subarray(0, known.digest.length)))
    throw new RowRefused('a row is not as the log knows it')
  const decoded = decodeRecord(row.bytes)
  if (!decoded.record.rid.equals(rid) || !isKnown(known, { counter: decoded.record.counter, digest }))
    throw new RowRefused('a row belongs elsewhere')
  return decoded
}
