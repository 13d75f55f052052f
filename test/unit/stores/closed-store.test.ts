import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { openStore } from '../../../main/core/stores/open-store.ts'
import { startOwner } from './processes.ts'
import { bytesOf, crashCopy, mainBytes, makeClosed, places, rowsOf, withSnapshot } from './owned.ts'
import { openBytes, stateOf } from './pages.ts'

describe('a store that nobody has open', () => {
  for (const pageSize of [512, 1024, 4096, 65536]) {
    for (const journal of ['delete', 'wal']) {
      it(`is taken byte for byte, and nothing in its folder changes (pages of ${pageSize}, ${journal})`, async () => {
        const { owner, path, tmp } = places()
        makeClosed(path, { pageSize, journal })
        const before = stateOf(owner)
        const bytes = await bytesOf(path, tmp)
        expect(bytes.equals(readFileSync(path))).toBe(true)
        expect(stateOf(owner)).toEqual(before)
        expect(readdirSync(tmp)).toEqual([])
      })
    }
  }

  it('is taken with the log that a killed owner left, and the log stays as it is', async () => {
    const { owner, path, tmp } = places()
    const program = await startOwner(path)
    await program.run(
      'pragma journal_mode = wal; create table t (a); insert into t values (1); insert into t values (2)',
    )
    await program.kill()
    const before = stateOf(owner)
    expect(Object.keys(before)).toEqual(['store.db', 'store.db-shm', 'store.db-wal'])
    expect(rowsOf(await bytesOf(path, tmp))).toBe(2)
    expect(stateOf(owner)).toEqual(before)
  })

  it('is taken with a log that was copied from elsewhere without its shared memory', async () => {
    const { owner, path, tmp } = places()
    const program = await startOwner(path)
    await program.run('pragma journal_mode = wal; create table t (a); insert into t values (1)')
    await program.kill()
    rmSync(`${path}-shm`)
    const before = stateOf(owner)
    expect(rowsOf(await bytesOf(path, tmp))).toBe(1)
    expect(stateOf(owner)).toEqual(before)
  })

  it('is taken without the torn end of a log', async () => {
    const { path, tmp } = places()
    const program = await startOwner(path)
    await program.run('pragma journal_mode = wal; create table t (a); insert into t values (1)')
    const whole = statSync(`${path}-wal`).size
    await program.run('insert into t values (2)')
    await program.kill()
    const log = readFileSync(`${path}-wal`)
    writeFileSync(`${path}-wal`, log.subarray(0, whole + 1000))
    expect(rowsOf(await bytesOf(path, tmp))).toBe(1)
  })

  it('is rolled back in the copy when a writer died in the middle of a transaction', async () => {
    const { owner, path, tmp } = places()
    makeClosed(path, { rows: 200 })
    const program = await startOwner(path)
    // A cache of five pages: the transaction spills into the database before it is committed.
    await program.run(
      'pragma cache_size = 5; begin immediate; update t set a = zeroblob(1000); insert into t (a) select a from t',
    )
    await program.kill()
    const before = stateOf(owner)
    expect(Object.keys(before)).toEqual(['store.db', 'store.db-journal'])
    const db = openBytes(await bytesOf(path, tmp))
    expect(db.prepare('select count(*) from t').pluck().get()).toBe(200)
    expect(db.prepare('select count(*) from t where a = zeroblob(1000)').pluck().get()).toBe(0)
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
    expect(stateOf(owner)).toEqual(before)
  })

  it('is taken as it is when a finished journal lies beside it (journal_mode = persist)', async () => {
    const { path, tmp } = places()
    makeClosed(path, { journal: 'persist' })
    expect(existsSync(`${path}-journal`)).toBe(true)
    expect((await bytesOf(path, tmp)).equals(readFileSync(path))).toBe(true)
  })

  it('keeps its whole pages when a few bytes follow them', async () => {
    const { path, tmp } = places()
    makeClosed(path)
    const whole = readFileSync(path)
    appendFileSync(path, 'odd')
    expect((await bytesOf(path, tmp)).equals(whole)).toBe(true)
  })

  it('is taken through a link, under the name it was called by, with what lies beside the real file', async () => {
    const { owner, path, tmp } = places()
    const program = await startOwner(path)
    await program.run('pragma journal_mode = wal; create table t (a); insert into t values (1)')
    await program.kill()
    const link = join(dirname(owner), 'my messages.db')
    symlinkSync(path, link)
    await withSnapshot(link, tmp, (snapshot) => {
      expect(snapshot.databases.map((database) => database.path)).toEqual(['my messages.db'])
      expect(rowsOf(mainBytes(snapshot))).toBe(1)
    })
    expect(readdirSync(dirname(owner)).sort()).toEqual(['coffer', 'my messages.db', 'owner'])
  })

  it('can be taken again and again, also after VACUUM moved and dropped its pages', async () => {
    const { path, tmp } = places()
    makeClosed(path, { rows: 300 })
    const first = await bytesOf(path, tmp)
    const db = new Database(path)
    db.exec('delete from t where id % 3 = 0; vacuum')
    db.close()
    const second = await bytesOf(path, tmp)
    expect(second.length).toBeLessThan(first.length)
    expect(second.equals(readFileSync(path))).toBe(true)
    expect(rowsOf(second)).toBe(200)
  })

  it('lies in a private folder of mode 0700 while it is read, and nowhere after', async () => {
    const { path, tmp } = places()
    makeClosed(path)
    await withSnapshot(path, tmp, (snapshot) => {
      const [folder = ''] = readdirSync(tmp)
      expect(statSync(tmp).mode & 0o777).toBe(0o700)
      expect(statSync(join(tmp, folder)).mode & 0o777).toBe(0o700)
      for (const file of readdirSync(join(tmp, folder))) expect(statSync(join(tmp, folder, file)).mode & 0o077).toBe(0)
      expect(snapshot.databases).toHaveLength(1)
    })
    expect(readdirSync(tmp)).toEqual([])
  })

  it('may be closed twice, and counts nothing after', async () => {
    const { path, tmp } = places()
    makeClosed(path)
    const snapshot = await (await openStore({ path, tmp })).snapshot()
    await snapshot.close()
    await snapshot.close()
    await expect(snapshot.summarise()).rejects.toThrow()
  })

  it('stays the same when the file is replaced while its snapshot is read', async () => {
    const { path, tmp } = places()
    makeClosed(path)
    const original = readFileSync(path)
    await withSnapshot(path, tmp, (snapshot) => {
      makeClosed(`${path}.new`, { rows: 10 })
      copyFileSync(`${path}.new`, path)
      expect(mainBytes(snapshot).equals(original)).toBe(true)
    })
  })

  it('leaves nothing behind when it is cancelled', async () => {
    const { owner, path, tmp } = places()
    makeClosed(path)
    const before = stateOf(owner)
    const store = await openStore({ path, tmp })
    const cancelled = AbortSignal.abort()
    await expect(store.snapshot({ signal: cancelled })).rejects.toMatchObject({ code: 'cancelled' })
    const midway = new AbortController()
    const snapshot = store.snapshot({ signal: midway.signal, onProgress: () => midway.abort() })
    // Cancelled after the first piece: either the piece was the last, or the copy stopped.
    await snapshot
      .then((taken) => taken.close())
      .catch((error: unknown) => expect(error).toMatchObject({ code: 'cancelled' }))
    expect(readdirSync(tmp)).toEqual([])
    expect(stateOf(owner)).toEqual(before)
  })

  it('reports the bytes it copies', async () => {
    const { path, tmp } = places()
    makeClosed(path, { rows: 3000 })
    const seen: number[] = []
    const snapshot = await (
      await openStore({ path, tmp })
    ).snapshot({ onProgress: ({ phase, done }) => void (phase === 'snapshot' && seen.push(done)) })
    await snapshot.close()
    expect(seen.at(-1)).toBe(statSync(path).size)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
  })
})

describe('a crash of the owner at any moment', () => {
  it('leaves files that are taken as SQLite would recover them', async () => {
    const { owner, path, tmp } = places()
    const program = await startOwner(path)
    await program.run('pragma journal_mode = wal; pragma wal_autocheckpoint = 0; create table t (a)')
    for (let rows = 1; rows <= 12; rows++) {
      await program.run('insert into t values (randomblob(3000))')
      if (rows % 4 === 0) await program.run('pragma wal_checkpoint(passive)')
      const crashed = join(owner, `crashed-${rows}.db`)
      crashCopy(path, crashed)
      expect(rowsOf(await bytesOf(crashed, tmp))).toBe(rows)
    }
  })
})
