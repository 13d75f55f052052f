/** Who may write to an archive: one backup at a time, of one computer. */
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { faultyDestination } from '../faults/fault-destination.ts'
import { addRows, change, putMedia } from '../fixtures/practice-archive.ts'
import { expectAll, packsOf, practiceForTest } from './backup-checks.ts'

describe('another computer', () => {
  it('must be told to take over, then builds on what is there', async () => {
    const it_ = await practiceForTest()
    change(it_.database, (db) => addRows(db, 5000))
    putMedia(it_, 'film', randomBytes(4_000_000))
    await it_.backUp()
    rmSync(it_.home, { recursive: true })
    await expect(it_.backUp()).rejects.toMatchObject({ code: 'other_writer' })
    const { uploaded, databases, files } = await it_.backUp({ takeOver: true })
    expect(uploaded.bytes).toBeLessThan(10_000)
    expect(databases[0]?.changed).toBe(0)
    expect(files).toEqual({ new: 0, unchanged: 1, missing: 0 })
    await expectAll(it_, [it_.content(), it_.content()])
  })

  it('a local state that is rubbish is thrown away', async () => {
    const it_ = await practiceForTest()
    change(it_.database, (db) => addRows(db, 2000))
    await it_.backUp()
    const session = await it_.open()
    for (const end of ['', '-wal'])
      writeFileSync(join(it_.home, 'archives', session.archive, `cache.db${end}`), randomBytes(5000))
    session.close()
    const { uploaded } = await it_.backUp()
    expect(uploaded.bytes).toBeLessThan(10_000)
    await expectAll(it_, [it_.content(), it_.content()])
  })
})

describe('one writer at a time', () => {
  it('a second backup on this computer is told to wait', async () => {
    const it_ = await practiceForTest()
    const first = it_.backUp()
    const second = it_.backUp()
    const results = await Promise.allSettled([first, second])
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1)
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'archive_busy' } })
  })

  it('cancelling keeps what has landed and says cancelled', async () => {
    const it_ = await practiceForTest()
    for (let i = 0; i < 12; i++) putMedia(it_, `film-${i}`, randomBytes(4_000_000))
    const cancel = new AbortController()
    const faulty = faultyDestination(it_.destination, {
      at: 2,
      kind: 'put',
      how: 'after',
      strike: () => cancel.abort(),
    })
    await expect(it_.backUp({ destination: faulty, signal: cancel.signal })).rejects.toMatchObject({
      code: 'cancelled',
    })
    expect(packsOf(it_).length).toBeGreaterThan(0)
    await it_.backUp()
    await expectAll(it_, [it_.content()])
  })
})
