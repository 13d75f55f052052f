import { expect, it } from 'vitest'
import { Random } from '../fixtures/random.ts'
import { Life } from './life.ts'
import { beginLife, momentIn } from './moments.ts'
import { backupRound, forgetRound, restoreRound } from './rounds.ts'
import { chooseSeed } from './seed.ts'

const rounds = { backup: backupRound, forget: forgetRound, restore: restoreRound }

it(
  'backup, forget and restore may be killed at any moment: nothing is lost, the next run succeeds and tidies up',
  { timeout: 600_000 },
  async () => {
    const seed = chooseSeed('killed')
    const random = new Random(seed)
    const life = new Life(random, { messages: 3000, files: 60, bytes: 24_000_000 })
    let struck = 0
    try {
      const spans = await beginLife(life)
      for (const by of ['call', 'time', 'call', 'time'] as const)
        for (const job of ['backup', 'forget', 'restore'] as const) {
          const moment = momentIn(spans[job], random, by)
          const was = `seed ${seed}: ${job} at ${JSON.stringify(moment)}`
          try {
            if (await rounds[job](life, moment)) struck++
          } catch (error) {
            throw new Error(was, { cause: error })
          }
        }
      // A moment in time may come too late on a quick day; most do not.
      expect(struck, `seed ${seed}`).toBeGreaterThanOrEqual(8)
    } finally {
      life.leave()
    }
  },
)
