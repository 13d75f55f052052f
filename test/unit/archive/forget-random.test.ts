import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Diary, diary } from '../../fixtures/diary.ts'
import { addRows, change, putMedia } from '../../fixtures/practice-archive.ts'

/** What may happen on a day, and between days. Numbers are taken modulo what there is. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('grow' as const), rows: fc.integer({ min: 1, max: 200 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('rewrite' as const), share: fc.integer({ min: 2, max: 30 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('vacuum' as const), below: fc.integer({ min: 10, max: 400 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pages' as const), size: fc.constantFrom(1024, 4096, 16384) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('media' as const), name: fc.nat(6), bytes: fc.nat(60_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), name: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rest' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('last' as const), last: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('smart' as const, 'all' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('name' as const),
      which: fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

async function take(it_: Diary, what: Step): Promise<void> {
  switch (what.do) {
    case 'grow':
      return void (await it_.day(() => change(it_.database, (db) => addRows(db, what.rows))))
    case 'rewrite':
      return void (await it_.day(() =>
        change(it_.database, (db) => db.exec(`update message set body = randomblob(250) where id % ${what.share} = 0`)),
      ))
    case 'vacuum':
      return void (await it_.day(() =>
        change(it_.database, (db) => db.exec(`delete from message where id > ${what.below}; vacuum`)),
      ))
    case 'pages':
      return void (await it_.day(() =>
        change(it_.database, (db) => db.exec(`pragma page_size = ${what.size}; vacuum`)),
      ))
    case 'media':
      return void (await it_.day(() => putMedia(it_, `photo ${what.name}`, randomBytes(what.bytes))))
    case 'delete':
      return void (await it_.day(() => rmSync(join(it_.media, `photo ${what.name}`), { force: true })))
    case 'rest':
      return void (await it_.day())
    case 'last':
      return void (await it_.forget({ keep: { last: what.last } }))
    case 'smart':
    case 'all':
      return void (await it_.forget({ keep: what.do }))
    case 'name': {
      const older = [...it_.expected.keys()].slice(0, -1)
      const named = new Set(what.which.flatMap((n) => older[n % Math.max(1, older.length)] ?? []))
      return void (await it_.forget({ snapshots: [...named] }))
    }
    case 'lose':
      // Nothing but the cache: what is then taken for another computer's is old enough when the next day begins.
      rmSync(join(it_.home, 'archives', (await it_.session()).archive, 'cache.db'), { force: true })
      return it_.pass(8)
  }
}

it(
  'whatever happens in whatever order, what stays is whole, nothing useless stays, and the newest never goes',
  { timeout: 600_000 },
  async () => {
    const soak = process.env['COFFER_SOAK'] !== undefined
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: soak ? 40 : 14 }), async (steps) => {
        const it_ = await diary()
        try {
          await it_.day(() => change(it_.database, (db) => addRows(db, 300)))
          for (const what of steps) await take(it_, what)
          const newest = [...it_.expected.keys()].at(-1)
          await it_.forget({ keep: { last: 1 } })
          expect([...it_.expected.keys()]).toEqual([newest])
        } finally {
          it_.remove()
        }
      }),
      { numRuns: soak ? 100 : 12, endOnFailure: true },
    )
  },
)
