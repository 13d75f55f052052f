/** The layout of a vault's tables in PostgreSQL, in a schema of their own, in the words that other engines know too. */
import type { Engine } from './postgres-fitness.ts'
import type { Session } from './postgres-session.ts'
import { StorageUnfit } from './storage.ts'

const layout = 1
/** Of the lock under which one node at a time lays the tables out: "Coff". */
const layingOut = 0x436f6666

const tables = [
  `CREATE TABLE rows (
    rid bytea NOT NULL PRIMARY KEY CHECK (octet_length(rid) = 32),
    touch_at bigint,
    bytes bytea NOT NULL
  )`,
  'CREATE INDEX rows_due ON rows (touch_at) WHERE touch_at IS NOT NULL',
  `CREATE TABLE log (
    place bigint NOT NULL PRIMARY KEY,
    rid bytea NOT NULL,
    counter bigint NOT NULL,
    digest bytea NOT NULL
  )`,
  `CREATE TABLE head (
    one smallint NOT NULL PRIMARY KEY CHECK (one = 1),
    place bigint NOT NULL,
    hash bytea NOT NULL,
    epoch bigint NOT NULL,
    signature bytea NOT NULL
  )`,
  `CREATE TABLE receipts (
    rid bytea NOT NULL,
    number bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (rid, number)
  )`,
  'CREATE TABLE notes (name text NOT NULL PRIMARY KEY, bytes bytea NOT NULL)',
  `CREATE TABLE checkpoint (
    one smallint NOT NULL PRIMARY KEY CHECK (one = 1),
    making text NOT NULL,
    place bigint NOT NULL,
    parts bigint NOT NULL
  )`,
  `CREATE TABLE checkpoint_parts (
    making text NOT NULL,
    number bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (making, number)
  )`,
  // Whoever holds its one row is alone: groups lock it first.
  'CREATE TABLE gate (one smallint NOT NULL PRIMARY KEY CHECK (one = 1))',
  'INSERT INTO gate (one) VALUES (1)',
  // Written by whoever wants to know whether a commit gets through.
  'CREATE TABLE pulse (one smallint NOT NULL PRIMARY KEY CHECK (one = 1), at bigint NOT NULL)',
  'INSERT INTO pulse (one, at) VALUES (1, 0)',
  'CREATE TABLE layout (version bigint NOT NULL PRIMARY KEY)',
  `INSERT INTO layout (version) VALUES (${layout})`,
]

const columns = [
  'checkpoint: one making place parts',
  'checkpoint_parts: making number bytes',
  'gate: one',
  'head: one place hash epoch signature',
  'layout: version',
  'log: place rid counter digest',
  'notes: name bytes',
  'pulse: one at',
  'receipts: rid number bytes',
  'rows: rid touch_at bytes',
].join('\n')

/** Makes the tables where there are none, and checks them where there are. StorageUnfit if they are not the vault's. */
export async function layOut(session: Session, engine: Engine): Promise<void> {
  await session.command('BEGIN')
  if (engine === 'postgresql') await session.query(`SELECT pg_advisory_xact_lock(${layingOut})`)
  if ((await found(session)) === '') {
    await session.command('CREATE SCHEMA IF NOT EXISTS coffer_vault')
    for (const statement of tables) await session.command(statement)
  }
  await check(session)
  if ((await session.command('COMMIT')) !== 'COMMIT') throw new StorageUnfit('The tables could not be made.')
}

async function check(session: Session): Promise<void> {
  const triggers = await session.query(
    "SELECT 1 FROM information_schema.triggers WHERE event_object_schema = 'coffer_vault'",
  )
  if (triggers.length > 0 || (await found(session)) !== columns) {
    throw new StorageUnfit('The tables in the schema coffer_vault are not those that the vault made.')
  }
  const [row] = await session.query<{ version: number }>('SELECT version FROM layout')
  if (row?.version !== layout) {
    throw new StorageUnfit(`The tables have layout ${String(row?.version)}; this vault knows ${layout}.`)
  }
}

/** The tables of the vault's schema with their columns, in order. */
async function found(session: Session): Promise<string> {
  const rows = await session.query<{ table: string; column: string }>(
    `SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns
     WHERE table_schema = 'coffer_vault' ORDER BY table_name, ordinal_position`,
  )
  const byTable = new Map<string, string[]>()
  for (const { table, column } of rows) byTable.set(table, [...(byTable.get(table) ?? []), column])
  return [...byTable]
    .map(([table, names]) => `${table}: ${names.join(' ')}`)
    .toSorted()
    .join('\n')
}
