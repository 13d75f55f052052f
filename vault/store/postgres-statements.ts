/**
 * Everything that is said to PostgreSQL about the vault's tables. Bytes travel as hex and lists as one parameter each,
 * so that a statement's text is the same for one row and for a thousand, and the server prepares it once.
 */
import type { Parameter, Session } from './postgres-session.ts'
import {
  maxEntries,
  type Changes,
  type LogEntry,
  type StoredHead,
  type StoredReceipt,
  type StoredRow,
  type Wanted,
} from './storage.ts'

const clock = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint'
const rowColumns = 'rid, touch_at AS "touchAt", bytes'

const hex = (bytes: Buffer): string => bytes.toString('hex')
/** An array as PostgreSQL writes it down; no element holds a quote or a backslash. */
const list = (values: readonly (string | number | null)[]): string =>
  `{${values.map((it) => (it === null ? 'NULL' : `"${it}"`)).join()}}`

export type Seeing = [
  StoredHead | undefined,
  number,
  readonly StoredRow[],
  readonly LogEntry[],
  readonly { name: string; bytes: Buffer }[],
]

/** What a group wants to see, sent in one go behind whatever was sent before. */
export function see(session: Session, wanted: Wanted): Promise<Seeing> {
  return Promise.all([
    readHead(session),
    session.query<{ now: number }>(`SELECT ${clock} AS now`).then(([row]) => row?.now ?? NaN),
    session.query<StoredRow>(
      `SELECT ${rowColumns} FROM rows WHERE rid = ANY (ARRAY(SELECT decode(r, 'hex') FROM unnest($1::text[]) AS u (r)))`,
      [list(wanted.rids.map(hex))],
    ),
    readLog(session, wanted.after, maxEntries),
    session.query<{ name: string; bytes: Buffer }>(
      // Names in hex as well: they may hold anything.
      `SELECT name, bytes FROM notes
       WHERE name = ANY (ARRAY(SELECT convert_from(decode(n, 'hex'), 'UTF8') FROM unnest($1::text[]) AS u (n)))`,
      [list(wanted.notes.map((name) => hex(Buffer.from(name))))],
    ),
  ])
}

/** Everything a group changes, sent in one go; the answers come together. */
export function write(session: Session, { head, entries, rows, receipts, notes }: Changes): Promise<unknown> {
  const gone = [...notes].flatMap(([name, bytes]) => (bytes === null ? [name] : []))
  const kept = [...notes].flatMap(([name, bytes]) => (bytes === null ? [] : [{ name, bytes }]))
  const sent: Promise<unknown>[] = []
  const send = (count: number, text: string, parameters: Parameter[]): void => {
    if (count > 0) sent.push(session.query(text, parameters))
  }
  send(
    entries.length,
    `INSERT INTO log (place, rid, counter, digest)
     SELECT p, decode(r, 'hex'), c, decode(d, 'hex')
     FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[]) AS u (p, r, c, d)`,
    [
      list(entries.map((it) => it.place)),
      list(entries.map((it) => hex(it.rid))),
      list(entries.map((it) => it.counter)),
      list(entries.map((it) => hex(it.digest))),
    ],
  )
  send(
    rows.length,
    `INSERT INTO rows (rid, touch_at, bytes)
     SELECT decode(r, 'hex'), t, decode(b, 'hex') FROM unnest($1::text[], $2::bigint[], $3::text[]) AS u (r, t, b)
     ON CONFLICT (rid) DO UPDATE SET touch_at = excluded.touch_at, bytes = excluded.bytes`,
    [list(rows.map((it) => hex(it.rid))), list(rows.map((it) => it.touchAt)), list(rows.map((it) => hex(it.bytes)))],
  )
  send(
    receipts.length,
    `INSERT INTO receipts (rid, number, bytes)
     SELECT decode(r, 'hex'), n, decode(b, 'hex') FROM unnest($1::text[], $2::bigint[], $3::text[]) AS u (r, n, b)
     ON CONFLICT (rid, number) DO UPDATE SET bytes = excluded.bytes`,
    [
      list(receipts.map((it) => hex(it.rid))),
      list(receipts.map((it) => it.number)),
      list(receipts.map((it) => hex(it.bytes))),
    ],
  )
  send(
    kept.length,
    `INSERT INTO notes (name, bytes)
     SELECT convert_from(decode(n, 'hex'), 'UTF8'), decode(b, 'hex') FROM unnest($1::text[], $2::text[]) AS u (n, b)
     ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes`,
    [list(kept.map((it) => hex(Buffer.from(it.name)))), list(kept.map((it) => hex(it.bytes)))],
  )
  send(
    gone.length,
    `DELETE FROM notes
     WHERE name = ANY (ARRAY(SELECT convert_from(decode(n, 'hex'), 'UTF8') FROM unnest($1::text[]) AS u (n)))`,
    [list(gone.map((name) => hex(Buffer.from(name))))],
  )
  send(
    1,
    `INSERT INTO head (one, place, hash, epoch, signature)
     VALUES (1, $1::bigint, decode($2, 'hex'), $3::bigint, decode($4, 'hex'))
     ON CONFLICT (one) DO UPDATE SET
       place = excluded.place, hash = excluded.hash, epoch = excluded.epoch, signature = excluded.signature`,
    [head.place, hex(head.hash), head.epoch, hex(head.signature)],
  )
  return Promise.all(sent)
}

export async function readHead(session: Session): Promise<StoredHead | undefined> {
  const [row] = await session.query<StoredHead>('SELECT place, hash, epoch, signature FROM head')
  return row
}

export function readLog(session: Session, after: number, limit: number): Promise<LogEntry[]> {
  return session.query(
    'SELECT place, rid, counter, digest FROM log WHERE place > $1::bigint ORDER BY place LIMIT $2::bigint',
    [after, limit],
  )
}

export function readReceipts(session: Session, rid: Buffer, after: number, limit: number): Promise<StoredReceipt[]> {
  return session.query(
    `SELECT rid, number, bytes FROM receipts
     WHERE rid = decode($1, 'hex') AND number > $2::bigint ORDER BY number LIMIT $3::bigint`,
    [hex(rid), after, limit],
  )
}

export async function readDue(session: Session, limit: number): Promise<Buffer[]> {
  const rows = await session.query<{ rid: Buffer }>(
    `SELECT rid FROM rows WHERE touch_at <= (SELECT ${clock}) ORDER BY touch_at LIMIT $1::bigint`,
    [limit],
  )
  return rows.map(({ rid }) => rid)
}

export function readRows(session: Session, after: Buffer | undefined, limit: number): Promise<StoredRow[]> {
  // Every id is longer than no bytes, and therefore after them.
  return session.query(`SELECT ${rowColumns} FROM rows WHERE rid > decode($1, 'hex') ORDER BY rid LIMIT $2::bigint`, [
    after ? hex(after) : '',
    limit,
  ])
}

export async function readNote(session: Session, name: string): Promise<Buffer | undefined> {
  const [row] = await session.query<{ bytes: Buffer }>(
    "SELECT bytes FROM notes WHERE name = convert_from(decode($1, 'hex'), 'UTF8')",
    [hex(Buffer.from(name))],
  )
  return row?.bytes
}

export async function pulse(session: Session): Promise<void> {
  await session.query(`UPDATE pulse SET at = ${clock}`)
}
