/** Looking through a whole vault: is the database as new as it should be, and is every row what the log says it is? */
import type { Keystore } from '../keystore/keystore.ts'
import { decodeRecord, isLiving, rowDigest } from '../service/record.ts'
import type { Storage, StoredRow } from '../store/storage.ts'
import { headVerifier, LogBroken } from './chain.ts'
import { isGivenUp } from './given-up.ts'
import { type KnownRow, KnownRows } from './known-rows.ts'
import type { View } from './reading.ts'
import { rebuild, type Witness } from './rebuild.ts'

export interface Damage {
  /** The log does not lead through what this node's keystore has seen: changes are lost, and nobody knows whose. */
  older: boolean
  /** There is no anchor any more, so that nobody can tell how old the database is; it then counts as older. */
  unanchored: boolean
  /** How many changes are lost at least; also 0 when others have come in their place. */
  lost: number
  /** Records that a password could open if they were trusted. */
  living: number
  /** Rows that are not as the log knows them. */
  refused: number
  /** Records that the log knows and that have no row. */
  missing: number
}

export interface Found {
  damage: Damage
  view: View
  living: StoredRow[]
  refused: StoredRow[]
  /** Entries of the index. */
  missing: { entry: Buffer; known: KnownRow }[]
}

interface Parts {
  storage: Storage
  keystore: Keystore
}

const page = 500

/** Changes nothing. LogBroken when the log itself is not whole: then only a copy of the database helps. */
export async function survey(parts: Parts): Promise<Damage> {
  return (await find(parts)).damage
}

export async function find({ storage, keystore }: Parts): Promise<Found> {
  const parts = { storage, keystore, verifyHead: headVerifier(keystore.identity) }
  const view = await rebuild(parts, [])
  const anchor = await keystore.readAnchor()
  const witness = anchor && { from: 'this node’s anchor', position: { ...anchor, hash: Buffer.from(anchor.hash) } }
  const unanchored = !witness && view.position.place > 0
  const older = unanchored || (witness !== undefined && !(await leadsThrough(parts, witness)))
  const living: StoredRow[] = []
  const refused: StoredRow[] = []
  const present = new KnownRows()
  for (let last: Buffer | undefined; ;) {
    const rows = await storage.rows(last, page)
    for (const row of rows) {
      const digest = rowDigest(row.rid, row.bytes)
      const known = view.known.get(row.rid)
      if (known) present.set({ rid: row.rid, counter: known.counter, digest })
      if (known?.digest.equals(digest.subarray(0, known.digest.length)) !== true) refused.push(row)
      else if (isLiving(decodeRecord(row.bytes).record)) living.push(row)
    }
    last = rows.at(-1)?.rid
    if (!last) break
  }
  const missing = present.size === view.known.size ? [] : [...absent(view.known, present)]
  const lost = Math.max(0, (anchor?.place ?? 0) - view.position.place)
  const damage = { older, unanchored, lost, living: living.length, refused: refused.length, missing: missing.length }
  return { view, damage, living, refused, missing }
}

/**
 * By its hash, not only by its place: a log that went on from an older copy, or a recovery that was interrupted, may
 * have grown past the anchor meanwhile.
 */
async function leadsThrough(parts: Parameters<typeof rebuild>[0], witness: Witness): Promise<boolean> {
  try {
    await rebuild(parts, [witness])
    return true
  } catch (error) {
    if (error instanceof LogBroken) return false
    throw error
  }
}

function* absent(known: KnownRows, present: KnownRows): Generator<{ entry: Buffer; known: KnownRow }> {
  for (const entry of known.entries()) {
    const it = known.get(entry)
    if (it && !isGivenUp(it) && !present.get(entry)) yield { entry: Buffer.from(entry), known: it }
  }
}
