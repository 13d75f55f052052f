/**
 * What a node knows of every record: its counter and its row's digest. An older row carries a valid older seal, and
 * only this tells that it is older.
 *
 * A million records must fit into about 50 MB, so they lie in flat arrays, 40 bytes each: 16 of the record id, 16 of
 * the digest, 8 of the counter. Half of each hash suffices: finding a second row with the same 128 bits would take
 * 2^128 steps, and two ids that begin alike, 2^64 of them, would only make both records be refused.
 */
import type { LogEntry } from '../store/storage.ts'

const half = 16
const entryBytes = half + half + 8
/** Tables by the first byte of the id: one grows at a time, so that growing never takes long or much. */
const shards = 256
const fullest = 0.85
/** So that at no time more than 40 / 0.85 * 1.15 = 54 bytes are held for a record. */
const growth = 1.15

export interface KnownRow {
  counter: number
  /** The first 16 bytes of the digest. */
  digest: Buffer
}

export class KnownRows {
  private readonly tables: Table[]
  constructor(tables?: readonly Table[]) {
    this.tables = tables ? [...tables] : Array.from({ length: shards }, () => new Table(16))
  }

  get size(): number {
    return this.tables.reduce((sum, { size }) => sum + size, 0)
  }

  /** Bytes held. */
  get bytes(): number {
    return this.tables.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  get(rid: Buffer): KnownRow | undefined {
    return this.table(rid).get(rid)
  }

  set({ rid, counter, digest }: Pick<LogEntry, 'rid' | 'counter' | 'digest'>): void {
    this.table(rid).set(rid, counter, digest)
  }

  /** A copy that stays as it is while this one goes on: for a checkpoint. */
  copy(): KnownRows {
    return new KnownRows(this.tables.map((table) => table.copy()))
  }

  /** Every entry's 40 bytes, for a checkpoint. */
  *entries(): Generator<Buffer> {
    for (const table of this.tables) yield* table.entries()
  }

  /** Takes an entry as `entries` gave it. */
  add(entry: Buffer): void {
    const rid = entry.subarray(0, half)
    this.table(rid).set(rid, Number(entry.readBigUInt64LE(2 * half)), entry.subarray(half, 2 * half))
  }

  private table(rid: Buffer): Table {
    const table = this.tables[rid[0] ?? 0]
    if (!table) throw new Error('a record id is empty')
    return table
  }
}

export const knownRowBytes = entryBytes

/** Whether a row is the one that is known. */
export function isKnown(known: KnownRow, row: { counter: number; digest: Uint8Array }): boolean {
  return known.counter === row.counter && known.digest.equals(row.digest.subarray(0, half))
}

/** Open addressing: an entry lies at its own slot or the next free one. Nothing is ever taken out. */
class Table {
  size = 0
  private slots: Buffer
  constructor(capacity: number) {
    this.slots = Buffer.alloc(capacity * entryBytes)
  }

  get bytes(): number {
    return this.slots.length
  }

  get(rid: Buffer): KnownRow | undefined {
    const at = this.find(rid)
    if (!this.isTaken(at)) return undefined
    return {
      counter: Number(this.slots.readBigUInt64LE(at + 2 * half)),
      digest: Buffer.from(this.slots.subarray(at + half, at + 2 * half)),
    }
  }

  set(rid: Buffer, counter: number, digest: Uint8Array): void {
    if (this.size + 1 > (this.slots.length / entryBytes) * fullest) this.grow()
    const at = this.find(rid)
    if (!this.isTaken(at)) this.size += 1
    this.slots.set(rid.subarray(0, half), at)
    this.slots.set(digest.subarray(0, half), at + half)
    this.slots.writeBigUInt64LE(BigInt(counter), at + 2 * half)
  }

  copy(): Table {
    const copy = new Table(0)
    copy.slots = Buffer.from(this.slots)
    copy.size = this.size
    return copy
  }

  *entries(): Generator<Buffer> {
    for (let at = 0; at < this.slots.length; at += entryBytes)
      if (this.isTaken(at)) yield this.slots.subarray(at, at + entryBytes)
  }

  /** Where it is, or where it would go. */
  private find(bytes: Buffer, from = 0): number {
    const capacity = this.slots.length / entryBytes
    // Ids are hashes: some of their bytes are as good as any hash of them.
    for (let slot = bytes.readUInt32LE(from + 8) % capacity; ; slot = (slot + 1) % capacity) {
      const at = slot * entryBytes
      if (!this.isTaken(at) || isSameId(bytes, from, this.slots, at)) return at
    }
  }

  /** Counters begin at 1, so zero is nobody's. */
  private isTaken(at: number): boolean {
    return !isFree(this.slots, at)
  }

  private grow(): void {
    const old = this.slots
    const capacity = Math.ceil((this.slots.length / entryBytes) * growth) + 4
    this.slots = Buffer.alloc(capacity * entryBytes)
    this.size = 0
    // Without an object for each entry: a million of them would be most of what the process ever held.
    for (let from = 0; from < old.length; from += entryBytes) {
      if (isFree(old, from)) continue
      old.copy(this.slots, this.find(old, from), from, from + entryBytes)
      this.size += 1
    }
  }
}

// In words of 32 bits, since both are asked of every slot that is passed: big integers and calls into the runtime take
// ten times as long.
function isFree(slots: Buffer, at: number): boolean {
  return slots.readUInt32LE(at + 2 * half) === 0 && slots.readUInt32LE(at + 2 * half + 4) === 0
}

function isSameId(a: Buffer, from: number, b: Buffer, at: number): boolean {
  return (
    a.readUInt32LE(from) === b.readUInt32LE(at) &&
    a.readUInt32LE(from + 4) === b.readUInt32LE(at + 4) &&
    a.readUInt32LE(from + 8) === b.readUInt32LE(at + 8) &&
    a.readUInt32LE(from + 12) === b.readUInt32LE(at + 12)
  )
}
