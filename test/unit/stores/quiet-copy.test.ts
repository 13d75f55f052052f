import { rmSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { look } from '../../../main/core/stores/look.ts'
import { copyUnchanged, copyWithJournal, copyWithLog, restNeeded } from '../../../main/core/stores/quiet-copy.ts'
import { places } from './owned.ts'
import { startOwner } from './processes.ts'

// Every commit writes every row: a copy that mixes two moments holds two versions.
const commit = 'update t set version = version + 1'
const actions = {
  commit,
  checkpoint: 'pragma wal_checkpoint(passive)',
  restart: 'pragma wal_checkpoint(restart)',
  truncate: 'pragma wal_checkpoint(truncate)',
  spill: 'begin immediate; update t set version = version + 1000; rollback',
  shrink: 'vacuum',
} as const

function versions(path: string): unknown[] {
  const db = new Database(path)
  try {
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
    return db.prepare('select distinct version from t').pluck().all()
  } finally {
    db.close()
  }
}

async function makeRows(path: string, mode: 'wal' | 'delete') {
  const owner = await startOwner(path)
  await owner.run(
    `pragma journal_mode = ${mode}; pragma wal_autocheckpoint = 0; pragma cache_size = 20; create table t (version integer, filler blob)`,
  )
  await owner.run(
    'insert into t with recursive n(i) as (select 1 union all select i + 1 from n where i < 900) select 0, randomblob(3000) from n',
  )
  return owner
}

/** What the owner does before the copy begins, and after each piece of it. */
const interleavings = fc.array(fc.array(fc.constantFrom(...Object.values(actions)), { maxLength: 3 }), {
  minLength: 1,
  maxLength: 6,
})

describe('a copy of a database with its log', () => {
  it('is one moment whenever it says so, whatever the owner does before and between its pieces', async () => {
    const { owner: folder, path } = places()
    const owner = await makeRows(path, 'wal')
    let accepted = 0
    let refused = 0
    await fc.assert(
      fc.asyncProperty(interleavings, async (steps) => {
        await owner.run(commit)
        const to = `${folder}-copy.db`
        for (const suffix of ['', '-wal', '-shm']) rmSync(to + suffix, { force: true })
        const before = await look(path)
        let piece = 0
        const next = async () => {
          for (const sql of steps[piece++] ?? []) await owner.run(sql)
        }
        await next()
        const together = await copyWithLog(path, to, before, next)
        if (together) {
          accepted++
          expect(versions(to)).toHaveLength(1)
        } else refused++
      }),
      { numRuns: 60 },
    )
    expect(accepted).toBeGreaterThan(5)
    expect(refused).toBeGreaterThan(5)
  })
})

describe('a copy of a database without a log', () => {
  it('is refused whenever the owner wrote meanwhile', async () => {
    const { owner: folder, path } = places()
    const owner = await makeRows(path, 'delete')
    const to = `${folder}-copy.db`
    let pieces = 0
    await copyUnchanged(path, to, await look(path), () => void pieces++)
    expect(pieces).toBeGreaterThan(2)
    for (let at = 0; at < pieces; at++) {
      rmSync(to)
      let piece = 0
      const unchanged = await copyUnchanged(path, to, await look(path), async () => {
        if (piece++ === at) await owner.run(commit)
      })
      expect(unchanged).toBe(false)
    }
    rmSync(to)
    expect(await copyUnchanged(path, to, await look(path), () => undefined)).toBe(true)
    expect(versions(to)).toEqual([pieces])
  })

  it('is refused when its owner began a log meanwhile', async () => {
    const { owner: folder, path } = places()
    const owner = await makeRows(path, 'wal')
    await owner.close()
    const before = await look(path)
    const again = await startOwner(path)
    const unchanged = await copyUnchanged(path, `${folder}-copy.db`, before, () =>
      again.run('update t set version = 7 where rowid = 1'),
    )
    expect(unchanged).toBe(false)
  })
})

describe('a copy of a database with a journal', () => {
  it('is refused when somebody rolled the journal back meanwhile', async () => {
    const { owner: folder, path } = places()
    const owner = await makeRows(path, 'delete')
    await owner.run(`begin immediate; ${commit}`)
    await owner.kill()
    const before = await look(path)
    expect(before.journal.size).toBeGreaterThan(0)
    const to = `${folder}-copy.db`
    expect(await copyWithJournal(path, to, before, () => undefined)).toBe(true)
    expect(versions(to)).toEqual([0])
    for (const suffix of ['', '-journal']) rmSync(to + suffix, { force: true })
    const next = await startOwner(path)
    expect(await copyWithJournal(path, to, before, () => next.run('select count(*) from t'))).toBe(false)
  })
})

describe('a look', () => {
  it('rests until a later change must show another time: a tick of the clock, two seconds where times are whole', async () => {
    const { path } = places()
    new Database(path).exec('create table t (a)').close()
    const seen = await look(path)
    const changed = Number(statSync(path, { bigint: true }).ctimeNs / 1_000_000n)
    expect(restNeeded(seen, new Date(changed + 5))).toBe(30)
    expect(restNeeded(seen, new Date(changed + 1000))).toBe(0)
    // A clock behind the disk's: wait all the same.
    expect(restNeeded(seen, new Date(changed - 60_000))).toBe(30)
    const whole = { ...seen, changedAt: 1_700_000_000_000_000_000n }
    expect(restNeeded(whole, new Date(1_700_000_001_000))).toBe(2100)
    expect(restNeeded(whole, new Date(1_700_000_003_000))).toBe(0)
  })
})
