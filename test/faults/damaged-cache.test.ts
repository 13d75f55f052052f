import { randomBytes } from 'node:crypto'
import { closeSync, copyFileSync, openSync, readdirSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { forget } from '../../main/core/jobs/forget.ts'
import { workersInThisThread } from '../fixtures/fake-seal-worker.ts'
import { quiet } from '../fixtures/job-options.ts'
import { addRows, change, practice, putMedia } from '../fixtures/practice-archive.ts'
import { asBystander, digestsOf, everySnapshot, orphans } from './bystander.ts'

const day = 86_400_000

it(
  'whichever page of this computer’s cache is damaged, backup and forget succeed and upload nothing again',
  { timeout: 300_000 },
  async () => {
    let now = Date.now()
    const it_ = await practice({ pageSize: 512, startWorker: workersInThisThread, now: () => new Date(now) })
    const tidyUp = async () => {
      const session = await it_.open()
      await forget(session, { ...quiet, keep: { last: 1 } })
      session.close()
    }
    try {
      change(it_.database, (db) => addRows(db, 300))
      for (let i = 0; i < 30; i++) putMedia(it_, `file ${i}`, randomBytes(1000))
      await it_.backUp()
      const [archive = ''] = readdirSync(join(it_.home, 'archives'))
      const cache = join(it_.home, 'archives', archive, 'cache.db')
      const damage = (page: number) => {
        const fd = openSync(cache, 'r+')
        writeSync(fd, randomBytes(4096), 0, 4096, page * 4096)
        closeSync(fd)
      }
      copyFileSync(cache, `${cache}.whole`)
      const pages = statSync(cache).size / 4096
      expect(pages).toBeGreaterThan(10)
      for (let page = 0; page < pages; page++) {
        change(it_.database, (db) => addRows(db, 1))
        copyFileSync(`${cache}.whole`, cache)
        damage(page)
        const { uploaded } = await it_.backUp()
        expect(uploaded.bytes, `page ${page}`).toBeLessThan(50_000)
        damage(page)
        if (page % 4 === 0) await tidyUp()
        const found = [...(await asBystander(it_.destination, it_.secret, everySnapshot)).values()]
        expect(found.at(-1), `page ${page}`).toEqual(digestsOf(it_.content()))
      }
      // What a thrown away cache knew of may be anyone's, for a week.
      now += 8 * day
      await tidyUp()
      expect(await asBystander(it_.destination, it_.secret, orphans)).toEqual([])
    } finally {
      it_.remove()
    }
  },
)
