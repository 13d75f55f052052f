/**
 * The operator's way on when the database is older than it should be, or rows of it are not as the log knows them. What
 * cannot be proven to be the newest is destroyed, never trusted: the guesses that were made against it are unknown.
 */
import type { Receipt } from '../../contract/vault.ts'
import { receipt as receiptPreimage } from '../../contract/vault-preimages.ts'
import type { Keystore } from '../keystore/keystore.ts'
import { blank } from '../service/ownership.ts'
import { type Draft, receiptDigest } from '../service/receipts.ts'
import { decodeRecord, encodeRecord, rowDigest, type VaultRecord } from '../service/record.ts'
import { readStored } from '../service/stored-receipts.ts'
import { destroy } from '../service/transition.ts'
import type { LogEntry, Storage, StoredReceipt, StoredRow } from '../store/storage.ts'
import { follow, headPreimage, headVerifier, identityKey, verifySignature } from './chain.ts'
import { giveUp } from './given-up.ts'
import { signReceipt, storedReceipt } from './group.ts'
import { adopt, readOn, type View } from './reading.ts'
import { type Damage, find, type Found } from './survey.ts'

/** Records in one group. */
const atOnce = 200

/** How many records `burn` would destroy. */
export function doomedBy({ older, living, refused, missing }: Damage): number {
  return (older ? living : 0) + refused + missing
}

/** Something that is destroyed: what is written, as far as there is anything to write it in. */
interface End {
  entry: Omit<LogEntry, 'place'>
  row?: StoredRow
  receipt?: StoredReceipt
}

/**
 * Destroys what cannot be trusted: every living record when changes are lost, since nobody knows whose they were;
 * otherwise the refused and missing ones alone. Then the keystore's anchor is set to the log as it is; interrupted
 * before that, it is run again. No node may be running.
 */
export async function burn(parts: { storage: Storage; keystore: Keystore }): Promise<Damage> {
  const found = await find(parts)
  const { storage, keystore } = parts
  for (const ends of endings(parts, found)) await writeEnds(parts, found.view, ends)
  const head = await storage.head()
  if (head) await keystore.writeAnchor({ place: head.place, hash: head.hash })
  await storage.scrub()
  return found.damage
}

type Ending = (now: number) => Promise<End>

/** What is to end, a group's worth at a time. */
function* endings(parts: { storage: Storage; keystore: Keystore }, found: Found): Generator<Ending[]> {
  const all: Ending[] = [
    ...(found.damage.older ? found.living : []).map(
      (row) => (now: number) => destroyed(parts.keystore, decodeRecord(row.bytes).record, now),
    ),
    ...found.refused.map((row) => async (now: number) => {
      const counter = found.view.known.get(row.rid)?.counter ?? 0
      return destroyed(parts.keystore, await remains(parts, row.rid, counter), now)
    }),
    ...found.missing.map(
      ({ entry, known }) =>
        (now: number) =>
          Promise.resolve({ entry: giveUp(entry, known, now) }),
    ),
  ]
  for (let at = 0; at < all.length; at += atOnce) yield all.slice(at, at + atOnce)
}

async function writeEnds(
  { storage, keystore }: { storage: Storage; keystore: Keystore },
  view: View,
  endings: readonly Ending[],
): Promise<void> {
  const verifyHead = headVerifier(keystore.identity)
  const wanted = { rids: [], after: view.position.place, notes: [] }
  const written = await storage.group(wanted, async (seen) => {
    const { position, epoch, entries: before } = readOn(view, seen, verifyHead)
    const ends = await Promise.all(endings.map((end) => end(seen.now)))
    let last = position
    const entries = ends.map(({ entry }) => {
      const placed = { ...entry, place: last.place + 1 }
      last = follow(last, placed)
      return placed
    })
    const bare = { ...last, epoch }
    const head = { ...bare, signature: Buffer.from(await keystore.sign(headPreimage(bare))) }
    const rows = ends.flatMap(({ row }) => (row ? [row] : []))
    const receipts = ends.flatMap(({ receipt }) => (receipt ? [receipt] : []))
    const changes = { head, entries, rows, receipts, notes: new Map<string, null>() }
    return { value: { head, entries: [...before, ...entries] }, changes }
  })
  adopt(view, written.entries, written.head)
}

async function destroyed(keystore: Keystore, record: VaultRecord, now: number): Promise<End> {
  const dead: { record: VaultRecord; receipt: Draft } = destroy(record, now)
  const bytes = encodeRecord(dead.record, 0, new Uint8Array(0))
  const { rid, counter } = dead.record
  return {
    entry: { rid, counter, digest: rowDigest(rid, bytes) },
    row: { rid, touchAt: null, bytes },
    receipt: storedReceipt(await signReceipt(dead.receipt, keystore)),
  }
}

/**
 * What is known of a record whose row may be anything, so that nothing is taken from it: the log's counter, and the
 * receipts, as far as this vault signed them.
 */
async function remains(
  { storage, keystore }: { storage: Storage; keystore: Keystore },
  rid: Buffer,
  counter: number,
): Promise<VaultRecord> {
  const record = { ...blank({ rid, ownerKey: Buffer.alloc(32) }), counter }
  const key = identityKey(keystore.identity)
  const isOurs = ({ signature, ...said }: Receipt): boolean =>
    verifySignature(key, receiptPreimage(said), Buffer.from(signature, 'base64url'))
  for (let after = 0; ;) {
    const stored = await storage.receipts(rid, after, 200)
    for (const it of stored) {
      after = it.number
      const receipt = readStored(it)
      if (receipt?.number !== it.number || receipt.rid !== rid.toString('base64url') || !isOurs(receipt)) continue
      record.receipts = receipt.number
      record.lastReceipt = receiptDigest(receipt)
      record.generation = Math.max(record.generation, receipt.generation)
    }
    if (stored.length === 0) return record
  }
}
