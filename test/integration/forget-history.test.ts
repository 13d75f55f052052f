import { describe, expect, it } from 'vitest'
import { faultyDestination } from '../faults/fault-destination.ts'
import { diary } from '../fixtures/diary.ts'
import { expectSnapshots, expectTidy, forgetIn } from '../fixtures/forget-checks.ts'
import { addRows, change } from '../fixtures/practice-archive.ts'

describe('two thirds of a year', () => {
  it(
    'two hundred daily backups come down to forty, quickly, and to little more than they hold',
    { timeout: 120_000 },
    async () => {
      const it_ = await diary()
      await it_.day(() => change(it_.database, (db) => addRows(db, 2000)))
      for (let i = 1; i < 200; i++) {
        await it_.day(() =>
          change(it_.database, (db) => {
            addRows(db, 10)
            db.exec(`update message set body = randomblob(300) where id % 200 = ${i}`)
          }),
        )
      }
      const before = it_.bytes()
      const calls = faultyDestination(it_.destination)
      const session = await it_.open(calls)
      const { forgotten, kept } = await forgetIn(session, { keep: 'smart' })
      expect(forgotten.length + kept).toBe(200)
      expect(kept).toBeLessThan(40)
      // Each layer is read once, each manifest once; what is moved is moved once.
      expect(calls.count()).toBeLessThan(2500)
      session.close()
      for (const snapshot of forgotten) it_.expected.delete(snapshot)
      await expectSnapshots(await it_.session(), it_.expected)
      await expectTidy(await it_.session())
      expect(it_.bytes()).toBeLessThan(before / 2)
    },
  )
})
