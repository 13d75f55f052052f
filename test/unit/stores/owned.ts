/** Stores for the tests of snapshots, and how they are read back. */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { openStore } from '../../../main/core/stores/open-store.ts'
import type { StoreSnapshot } from '../../../main/core/stores/store.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { allPages, openBytes } from './pages.ts'

/** A folder of the owner's with nothing in it but what the test puts there, and our own beside it. */
export function places(): { owner: string; path: string; tmp: string } {
  const folder = temporaryFolder()
  const owner = join(folder, 'owner')
  mkdirSync(owner)
  return { owner, path: join(owner, 'store.db'), tmp: join(folder, 'coffer', 'tmp') }
}

/** A closed database in rollback-journal mode: `t` with so many rows of 1,000 random bytes. */
export function makeClosed(path: string, { rows = 50, pageSize = 4096, journal = 'delete' } = {}): void {
  const db = new Database(path)
  db.pragma(`page_size = ${pageSize}`)
  db.pragma(`journal_mode = ${journal}`)
  db.pragma('synchronous = off')
  db.exec('create table t (id integer primary key, a blob); begin')
  const insert = db.prepare('insert into t (a) values (randomblob(1000))')
  for (let i = 0; i < rows; i++) insert.run()
  db.exec('commit')
  db.close()
}

/** The files of a database that is open, as a crash at this moment would leave them. */
export function crashCopy(path: string, to: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal'])
    if (existsSync(path + suffix)) copyFileSync(path + suffix, to + suffix)
}

/** A snapshot of a store, given to `look` and closed. */
export async function withSnapshot<T>(
  path: string,
  tmp: string,
  look: (snapshot: StoreSnapshot) => T | Promise<T>,
): Promise<T> {
  const store = await openStore({ path, tmp, patience: { locked: 50, changed: 50 } })
  const snapshot = await store.snapshot()
  try {
    return await look(snapshot)
  } finally {
    await snapshot.close()
  }
}

/** All bytes of the store's first database. */
export function bytesOf(path: string, tmp: string): Promise<Buffer> {
  return withSnapshot(path, tmp, mainBytes)
}

export function mainBytes(snapshot: StoreSnapshot): Buffer {
  const [main] = snapshot.databases
  if (!main) throw new Error('a snapshot without a database')
  return allPages(main.source)
}

/** How many rows `t` has in a database of these bytes. */
export function rowsOf(bytes: Buffer): unknown {
  return openBytes(bytes).prepare('select count(*) from t').pluck().get()
}

/** What is wrong with a copy of a database that busy-writer.ts or comes-and-goes.ts writes; empty if it is one moment. */
export function complaints(bytes: Buffer): string[] {
  const db = openBytes(bytes)
  try {
    const check = db.prepare<[], string>('pragma integrity_check').pluck().all()
    const balance = db.prepare<[], number>('select coalesce(sum(balance), 0) from account').pluck().get()
    const found = check.filter((line) => line !== 'ok')
    if (balance !== 0) found.push(`balance ${String(balance)}`)
    if (db.prepare(`select 1 from sqlite_schema where name = 'total'`).get()) {
      const wrong = db.prepare('select 1 from total where rows <> (select count(*) from journal)').get()
      if (wrong) found.push('journal and total differ')
    }
    return found
  } finally {
    db.close()
  }
}
