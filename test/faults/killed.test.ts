import { afterAll, beforeAll, expect, it } from 'vitest'
import { Random } from '../fixtures/random.ts'
import { Life } from './life.ts'
import { beginLife, makeArchive, momentIn, type Spans } from './moments.ts'
import { backupArgs, backupRound, type EndingSignal, forgetRound, restoreRound } from './rounds.ts'
import { chooseSeed } from './seed.ts'

const rounds = { backup: backupRound, forget: forgetRound, restore: restoreRound }
const jobs = ['backup', 'forget', 'restore'] as const

const seed = chooseSeed('killed')
const random = new Random(seed)
let life: Life
let spans: Spans

beforeAll(async () => {
  life = new Life(random, { messages: 3000, files: 60, bytes: 24_000_000 })
  spans = await beginLife(life)
}, 240_000)
afterAll(() => life.leave())

/** Ends each job once at a moment; gives how many were not quicker than that. */
async function endEach(by: 'call' | 'time', signal: EndingSignal): Promise<number> {
  let struck = 0
  for (const job of jobs) {
    const moment = momentIn(spans[job], random, by)
    try {
      if (await rounds[job](life, moment, signal)) struck++
    } catch (error) {
      throw new Error(`seed ${seed}: ${job}, ${signal} at ${JSON.stringify(moment)}`, { cause: error })
    }
  }
  return struck
}

it(
  'backup, forget and restore may be killed at any moment: nothing is lost, the next run succeeds and tidies up',
  { timeout: 600_000 },
  async () => {
    let struck = 0
    for (const by of ['call', 'time', 'call', 'time'] as const) struck += await endEach(by, 'SIGKILL')
    // A moment in time may come too late on a quick day; most do not.
    expect(struck, `seed ${seed}`).toBeGreaterThanOrEqual(8)
  },
)

it(
  'Ctrl-C ends them at any moment, with nothing left behind and everything kept that was done',
  { timeout: 600_000 },
  async () => {
    const struck = await endEach(random.pick(['call', 'time']), 'SIGINT')
    expect(struck, `seed ${seed}`).toBeGreaterThanOrEqual(1)
  },
)

it(
  'a computer whose very first backup was killed right after its commit may write the next',
  { timeout: 300_000 },
  async () => {
    const shape = { messages: 50, files: 2, bytes: 2000 }
    const rehearsal = new Life(random, shape)
    const first = new Life(random, shape)
    try {
      await makeArchive(rehearsal)
      const { calls } = await rehearsal.measure(backupArgs)
      await makeArchive(first)
      // The last name that is given to anything in the archive is the manifest's.
      expect(await backupRound(first, { at: calls.lastIndexOf('link') + 1, when: 'after' })).toBe(true)
      expect(first.told.size).toBe(2)
    } finally {
      rehearsal.leave()
      first.leave()
    }
  },
)
