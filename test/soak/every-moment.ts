/** A small archive, and every moment of backup, forget and restore at which a process can be killed and told again. */
import { Random } from '../fixtures/random.ts'
import { Life } from '../faults/life.ts'
import { beginLife, makeArchive } from '../faults/moments.ts'
import { backupRound, backUpDay, forgetOld, forgetRound, restoreRound } from '../faults/rounds.ts'

const rounds = { backup: backupRound, forget: forgetRound, restore: restoreRound }

/** Kills before and after every call; throws at the first thing that is not as it must be. */
export async function everyMoment(seed: number): Promise<void> {
  await eachCall('first backup', async (moment) => {
    const life = new Life(new Random(seed), { messages: 50, files: 4, bytes: 40_000 })
    try {
      await makeArchive(life)
      return await backupRound(life, moment)
    } finally {
      life.leave()
    }
  })
  for (const job of ['backup', 'forget', 'restore'] as const) {
    const life = new Life(new Random(seed), { messages: 300, files: 12, bytes: 3_000_000 })
    try {
      await beginLife(life)
      await eachCall(job, async (moment) => {
        // So that there is something to forget, and not too much to look at.
        if (job === 'forget') await backUpDay(life)
        if (life.told.size > 5) await forgetOld(life)
        return await rounds[job](life, moment)
      })
    } finally {
      life.leave()
    }
  }
}

async function eachCall(
  job: string,
  round: (moment: { at: number; when: 'before' | 'after' }) => Promise<boolean>,
): Promise<void> {
  let missed = 0
  // The number of calls differs a little from day to day: until a kill comes too late several times in a row.
  for (let at = 1; missed < 6; at++)
    for (const when of ['before', 'after'] as const)
      try {
        missed = (await round({ at, when })) ? 0 : missed + 1
      } catch (error) {
        process.stdout.write(`${job} killed ${when} call ${at}: FAILED\n`)
        throw error
      }
  process.stdout.write(`${job}: every moment\n`)
}
