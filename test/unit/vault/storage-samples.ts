/** Groups as the vault makes them, small: what is written is derived from what is seen, so that a lost one shows. */
import { createHash } from 'node:crypto'
import type { Changes, Seen, Storage, StoredRow } from '../../../vault/store/storage.ts'

export const sha = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest()
export const rid = (name: string | number): Buffer => sha(Buffer.from(`rid ${name}`))

/** Changes that write these rows and whatever else is given, behind what `seen` holds. */
export function writing(seen: Seen, rows: readonly StoredRow[], more: Partial<Changes> = {}): Changes {
  const before = seen.head?.place ?? 0
  const entries = rows.map((row, at) => ({ place: before + at + 1, rid: row.rid, counter: at, digest: sha(row.bytes) }))
  const hash = sha(seen.head?.hash ?? Buffer.alloc(32), ...entries.map((it) => it.digest))
  const head = { place: before + entries.length, hash, epoch: 1, signature: Buffer.concat([hash, hash]) }
  return { head, entries, rows, receipts: [], notes: new Map(), ...more }
}

export const row = (name: string | number, bytes = 'x', touchAt: number | null = null): StoredRow => ({
  rid: rid(name),
  touchAt,
  bytes: Buffer.from(bytes),
})

/** One group that writes these rows; gives the place after it. */
export function put(storage: Storage, rows: readonly StoredRow[], more: Partial<Changes> = {}): Promise<number> {
  return storage.group({ rids: [], after: 0, notes: [] }, async (seen) => {
    const changes = writing(seen, rows, more)
    return { value: changes.head.place, changes }
  })
}

/** Reads a number from a row and writes the next one, with an await between, as the keystore's would be. */
export function increment(storage: Storage, name: string, between: () => Promise<unknown>): Promise<number> {
  return storage.group({ rids: [rid(name)], after: 0, notes: [] }, async (seen) => {
    const number = Number(seen.rows.get(rid(name).toString('hex'))?.bytes.toString() ?? 0) + 1
    await between()
    return { value: number, changes: writing(seen, [row(name, String(number))]) }
  })
}

/** What is there now, by one group that changes nothing. */
export function look(
  storage: Storage,
  names: readonly (string | number)[],
  notes: readonly string[] = [],
): Promise<Seen> {
  return storage.group({ rids: names.map(rid), after: 0, notes }, async (seen) => ({ value: seen }))
}

/** Throws unless the head, the log and the rows of these names belong to one moment. */
export async function checkWhole(storage: Storage, names: readonly (string | number)[]): Promise<Seen> {
  const seen = await look(storage, names)
  const last = new Map<string, Buffer>()
  let hash = Buffer.alloc(32)
  for (const [at, entry] of seen.entries.entries()) {
    if (entry.place !== at + 1) throw new Error(`entry ${entry.place} where ${at + 1} belongs`)
    last.set(entry.rid.toString('hex'), entry.digest)
    hash = Buffer.from(entry.digest)
  }
  if ((seen.head?.place ?? 0) !== seen.entries.length) throw new Error('the head is not at the end of the log')
  if (hash.length !== 32) throw new Error('a digest has another length')
  for (const [name, { bytes }] of seen.rows) {
    if (!last.get(name)?.equals(sha(bytes))) throw new Error('a row is not as the log has it')
  }
  if (last.size !== seen.rows.size) throw new Error(`${last.size} records in the log, ${seen.rows.size} rows`)
  return seen
}

export async function* partsOf(...parts: readonly string[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part)
}

/** The parts of the checkpoint as text, or undefined. */
export async function checkpointOf(storage: Storage): Promise<{ place: number; parts: string[] } | undefined> {
  const found = await storage.checkpoint()
  if (!found) return undefined
  const parts: string[] = []
  for await (const part of found.parts) parts.push(part.toString())
  return { place: found.place, parts }
}

export interface Bed {
  /** Each call gives another storage over the same database. */
  open(options?: { at?: (moment: 'begun' | 'written' | 'committed') => void }): Promise<Storage>
  /** What test/unit/vault/group-writer.ts has to be told to write into it. */
  where: readonly [engine: string, where: string]
}
