/**
 * The operator's way on when the database is older than it should be, or rows of it are not as the log knows them. What
 * cannot be proven to be the newest is destroyed, never trusted: the guesses that were made against it are unknown.
 */
import type { Keystore } from '../keystore/keystore.ts'
import { blank } from '../service/ownership.ts'
import type { Draft } from '../service/receipts.ts'
import { destroy } from '../service/transition.ts'
import { decodeRecord, encodeRecord, isLiving, rowDigest, type VaultRecord } from '../service/record.ts'
import type { Storage, StoredRow } from '../store/storage.ts'
import { follow, headPreimage, headVerifier } from './chain.ts'
import { signReceipt, storedReceipt } from './group.ts'
import { readOn, type View } from './reading.ts'
import { rebuild } from './rebuild.ts'

export interface Damage {
  /** Changes that are lost: how far the log is behind what this node's keystore has seen. */
  lost: number
  /** Records that a password could open if they were trusted. */
  living: number
  /** Rows that are not as the log knows them. */
  refused: number
  /** Records that the log knows and that have no row. Nothing is left of them to destroy. */
  missing: number
}

interface Found {
  damage: Damage
  view: View
  toBurn: StoredRow[]
}

/** What is wrong; changes nothing. */
export async function survey(it: { storage: Storage; keystore: Keystore }): Promise<Damage> {
  return (await find(it)).damage
}

/**
 * Destroys what cannot be trusted: every living record when changes are lost, since nobody knows whose they were;
 * otherwise the refused rows alone. Then the keystore's anchor is set to the log as it is. No node may be running.
 */
export async function burn({ storage, keystore }: { storage: Storage; keystore: Keystore }): Promise<Damage> {
  const { damage, view, toBurn } = await find({ storage, keystore })
  const verifyHead = headVerifier(keystore.identity)
  for (const row of toBurn)
    await storage.group({ rids: [row.rid], after: view.position.place, notes: [] }, async (seen) => {
      const reading = readOn(view, seen, verifyHead)
      const known = reading.row(row.rid)
      const dead = tombstone(row, { counter: known?.counter ?? 0, now: seen.now })
      const bytes = encodeRecord(dead.record, reading.epoch, new Uint8Array(0))
      const counter = dead.record.counter
      const place = reading.position.place + 1
      const entry = { place, rid: row.rid, counter, digest: rowDigest(row.rid, bytes) }
      const bare = { ...follow(reading.position, entry), epoch: reading.epoch }
      const head = { ...bare, signature: Buffer.from(await keystore.sign(headPreimage(bare))) }
      const rows = [{ rid: row.rid, touchAt: null, bytes }]
      const receipts = [storedReceipt(await signReceipt(dead.receipt, keystore))]
      return { value: undefined, changes: { head, entries: [entry], rows, receipts, notes: new Map() } }
    })
  const head = await storage.head()
  if (head) await keystore.writeAnchor({ place: head.place, hash: head.hash })
  await storage.scrub()
  return damage
}

async function find({ storage, keystore }: { storage: Storage; keystore: Keystore }): Promise<Found> {
  // The log itself must be whole and signed: one that is not can only be replaced by a copy that is.
  const view = await rebuild({ storage, keystore, verifyHead: headVerifier(keystore.identity) }, [])
  const anchor = await keystore.readAnchor()
  const lost = Math.max(0, (anchor?.place ?? 0) - view.position.place)
  const rows = { all: 0, living: [] as StoredRow[], refused: [] as StoredRow[] }
  for (let last: Buffer | undefined; ;) {
    const page = await storage.rows(last, 500)
    for (const row of page) {
      rows.all += 1
      const known = view.known.get(row.rid)
      if (known?.digest.equals(rowDigest(row.rid, row.bytes).subarray(0, 16)) !== true) rows.refused.push(row)
      else if (isLiving(decodeRecord(row.bytes).record)) rows.living.push(row)
    }
    last = page.at(-1)?.rid
    if (!last) break
  }
  return {
    view,
    damage: {
      lost,
      living: rows.living.length,
      refused: rows.refused.length,
      missing: Math.max(0, view.known.size - rows.all),
    },
    toBurn: lost > 0 ? [...rows.living, ...rows.refused] : rows.refused,
  }
}

/** A refused row may be anything, so little is taken from it. */
function tombstone(
  row: StoredRow,
  { counter, now }: { counter: number; now: number },
): { record: VaultRecord; receipt: Draft } {
  let before: VaultRecord
  try {
    before = decodeRecord(row.bytes).record
  } catch {
    before = blank({ rid: row.rid, ownerKey: Buffer.alloc(32) })
  }
  return destroy({ ...before, rid: row.rid, counter: Math.max(counter, before.counter) }, now)
}
