import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openStore } from '../../../main/core/stores/open-store.ts'
import { Random } from '../../fixtures/random.ts'
import { complaints, mainBytes, makeClosed, places, rowsOf, withSnapshot } from './owned.ts'
import { openBytes } from './pages.ts'
import { startComingAndGoing, startOwner, startWriter } from './processes.ts'

describe('a store that its owner uses', () => {
  for (const [journal, pageSize, seed] of [
    ['wal', 512, 21],
    ['wal', 4096, 22],
    ['wal', 65536, 23],
    ['delete', 4096, 24],
  ] as const) {
    it(`is taken as one moment while it commits every 5 ms (${journal}, pages of ${pageSize}, seed ${seed})`, async () => {
      const { owner, path, tmp } = places()
      const writer = await startWriter(path, { journal, pageSize, seed })
      const random = new Random(seed)
      for (let trial = 0; trial < 8; trial++) {
        await writer.lap(1 + random.below(20))
        await withSnapshot(path, tmp, async (snapshot) => {
          const first = mainBytes(snapshot)
          expect(complaints(first)).toEqual([])
          await writer.lap(1 + random.below(60))
          expect(mainBytes(snapshot).equals(first)).toBe(true)
        })
      }
      await writer.stop()
      expect(readdirSync(owner)).toEqual(['store.db'])
      expect(readdirSync(tmp)).toEqual([])
    })
  }

  it('is taken as one moment while it opens and closes it all the time, and nothing of ours stays (seed 25)', async () => {
    const { owner, path, tmp } = places()
    const program = await startComingAndGoing(path, 25)
    await program.lap(1)
    for (let trial = 0; trial < 25; trial++) {
      await withSnapshot(path, tmp, (snapshot) => expect(complaints(mainBytes(snapshot))).toEqual([]))
    }
    // A round that ends with the owner as the last to close: it takes its own files away.
    await program.lap(3)
    await program.kill()
    const quiet = await startOwner(path)
    await quiet.run('select * from account')
    await quiet.close()
    expect(readdirSync(owner)).toEqual(['store.db'])
  })

  it('does not wait for the snapshot when it commits in write-ahead mode', async () => {
    const { path, tmp } = places()
    const program = await startOwner(path)
    await program.run('pragma journal_mode = wal; create table t (a); insert into t values (1)')
    await withSnapshot(path, tmp, async (snapshot) => {
      await program.run('insert into t values (2); pragma wal_checkpoint(passive)')
      expect(rowsOf(mainBytes(snapshot))).toBe(1)
    })
  })

  it('is read where it is in write-ahead mode: no private copy', async () => {
    const { path, tmp } = places()
    const program = await startOwner(path)
    await program.run('pragma journal_mode = wal; create table t (a); insert into t values (1)')
    await withSnapshot(path, tmp, () => {
      const [folder = ''] = readdirSync(tmp)
      expect(readdirSync(`${tmp}/${folder}`)).toEqual([])
    })
  })

  it('is copied in rollback-journal mode, and the owner can commit at once', async () => {
    const { path, tmp } = places()
    makeClosed(path)
    const program = await startOwner(path)
    await program.run('select * from t')
    const before = readFileSync(path)
    await withSnapshot(path, tmp, async (snapshot) => {
      await program.run('insert into t (a) values (1)')
      expect(mainBytes(snapshot).equals(before)).toBe(true)
    })
  })

  it('is taken without what an open transaction has not committed', async () => {
    const { path, tmp } = places()
    makeClosed(path, { rows: 100 })
    const before = readFileSync(path)
    const program = await startOwner(path)
    await program.run('begin immediate; update t set a = null')
    await withSnapshot(path, tmp, (snapshot) => expect(mainBytes(snapshot).equals(before)).toBe(true))
  })

  it('is refused as locked while a transaction has spilled into the file, journal on disk or in memory, and taken after', async () => {
    for (const journal of ['delete', 'memory']) {
      const { path, tmp } = places()
      makeClosed(path, { rows: 200 })
      const program = await startOwner(path)
      await program.run(
        `pragma journal_mode = ${journal}; pragma cache_size = 5; begin immediate; update t set a = zeroblob(1000)`,
      )
      const store = await openStore({ path, tmp, patience: { locked: 2, changed: 2 } })
      await expect(store.snapshot()).rejects.toMatchObject({ code: 'store_locked', detail: { path } })
      expect(readdirSync(tmp)).toEqual([])
      await program.run('rollback')
      expect(
        openBytes(await withSnapshot(path, tmp, mainBytes))
          .prepare('select count(*) from t where a = zeroblob(1000)')
          .pluck()
          .get(),
      ).toBe(0)
    }
  })

  it('is refused as locked while its owner keeps it for itself', async () => {
    const { path, tmp } = places()
    makeClosed(path)
    const program = await startOwner(path)
    await program.run('begin exclusive')
    const store = await openStore({ path, tmp, patience: { locked: 2, changed: 2 } })
    await expect(store.snapshot()).rejects.toMatchObject({ code: 'store_locked' })
    await expect(store.inspect()).rejects.toMatchObject({ code: 'store_locked' })
    expect(readdirSync(tmp)).toEqual([])
  })

  it('is taken from an owner that keeps a log for itself, as long as the log does not start anew meanwhile', async () => {
    const { owner, path, tmp } = places()
    const program = await startOwner(path)
    await program.run(
      'pragma locking_mode = exclusive; pragma journal_mode = wal; create table t (a); insert into t values (1)',
    )
    expect(readdirSync(owner)).toEqual(['store.db', 'store.db-wal'])
    await withSnapshot(path, tmp, (snapshot) => {
      expect(rowsOf(mainBytes(snapshot))).toBe(1)
    })
    expect(readdirSync(owner)).toEqual(['store.db', 'store.db-wal'])
  })

  it('is refused a second snapshot by the same process while the first reads it, and gives one after', async () => {
    const { path, tmp } = places()
    const program = await startOwner(path)
    await program.run('pragma journal_mode = wal; create table t (a); insert into t values (1)')
    const first = await (await openStore({ path, tmp })).snapshot()
    const second = await openStore({ path, tmp })
    await expect(second.snapshot()).rejects.toMatchObject({ code: 'store_locked' })
    // The first has kept its lock: the owner's log cannot start anew under it.
    await program.run('insert into t values (2); pragma wal_checkpoint(passive); insert into t values (3)')
    expect(rowsOf(mainBytes(first))).toBe(1)
    await first.close()
    await (await second.snapshot()).close()
  })
})
