/**
 * Rows and their slots (sqlite-schema.ts). A slot is four bytes of length, the record's bytes, and zeros; its size never
 * changes. A record that outgrows its slot leaves it behind, filled with zeros: deleting it would make SQLite join its
 * page with another one, and move what lies there. That costs one slot for each growth, which is at most one or two in
 * the life of a record.
 */
import type { Database } from 'better-sqlite3'
import type { StoredRow } from './storage.ts'

/** Two fit into a page, and the records that there are into one. */
const slotSize = 2000

const selectRow = 'SELECT rid, touch_at AS touchAt, bytes FROM rows JOIN slots ON number = slot'

/** What reads rows over a connection. */
export function rowReads(db: Database): {
  row(rid: Buffer): StoredRow | undefined
  rows(after: Buffer | undefined, limit: number): StoredRow[]
} {
  const one = db.prepare<[Buffer], StoredRow>(`${selectRow} WHERE rid = ?`)
  const many = db.prepare<[Buffer, number], StoredRow>(`${selectRow} WHERE rid > ? ORDER BY rid LIMIT ?`)
  return {
    row: (rid) => {
      const found = one.get(rid)
      return found && unpacked(found)
    },
    // Every id is longer than no bytes, and therefore after them.
    rows: (after, limit) => many.all(after ?? Buffer.alloc(0), limit).map(unpacked),
  }
}

/** What writes a row, new or not, inside a transaction that somebody else begins and commits. */
export function rowWrite(db: Database): (row: StoredRow) => void {
  const find = db.prepare<[Buffer], { slot: number; size: number }>(
    'SELECT slot, length(bytes) AS size FROM rows JOIN slots ON number = slot WHERE rid = ?',
  )
  const fill = db.prepare('UPDATE slots SET bytes = ? WHERE number = ?')
  const addSlot = db.prepare('INSERT INTO slots (bytes) VALUES (?)')
  // Where a row has lost its slot, which somebody else did, it gets a new one.
  const addRow = db.prepare('INSERT OR REPLACE INTO rows (rid, touch_at, slot) VALUES (?, ?, ?)')
  const setRow = db.prepare('UPDATE rows SET touch_at = ?, slot = ? WHERE rid = ?')
  return ({ rid, touchAt, bytes }) => {
    const found = find.get(rid)
    const size = Math.ceil((4 + bytes.length) / slotSize) * slotSize
    if (found && found.size >= size) {
      fill.run(packed(bytes, found.size), found.slot)
      setRow.run(touchAt, found.slot, rid)
      return
    }
    if (found) fill.run(Buffer.alloc(found.size), found.slot)
    const slot = addSlot.run(packed(bytes, size)).lastInsertRowid
    if (found) setRow.run(touchAt, slot, rid)
    else addRow.run(rid, touchAt, slot)
  }
}

function packed(bytes: Buffer, size: number): Buffer {
  const slot = Buffer.alloc(size)
  slot.writeUInt32LE(bytes.length)
  bytes.copy(slot, 4)
  return slot
}

/** A length that is not ours gives other bytes, which no digest fits. */
function unpacked({ rid, touchAt, bytes }: StoredRow): StoredRow {
  const length = bytes.length < 4 ? 0 : bytes.readUInt32LE()
  return { rid, touchAt, bytes: bytes.subarray(4, 4 + length) }
}
