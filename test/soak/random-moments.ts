/** Many lives of archives, in which commands are ended at moments drawn at random. */
import { Random } from '../fixtures/random.ts'
import { Life, type LifeShape } from '../faults/life.ts'
import { beginLife, momentIn } from '../faults/moments.ts'
import { backupRound, type EndingSignal, forgetRound, restoreRound } from '../faults/rounds.ts'

const rounds = { backup: backupRound, forget: forgetRound, restore: restoreRound }
const jobs = ['backup', 'forget', 'restore'] as const

/** From a few packs to several workers that fill packs of their own. */
const shapes: readonly [LifeShape, ...LifeShape[]] = [
  { messages: 3000, files: 60, bytes: 24_000_000 },
  { messages: 20_000, files: 40, bytes: 50_000_000 },
  { messages: 500, files: 900, bytes: 9_000_000 },
  { messages: 60_000, files: 120, bytes: 110_000_000 },
]
const roundsInALife = 15

/** Ends `count` commands; throws at the first thing that is not as it must be. */
export async function randomMoments({
  count,
  seed,
  signal,
}: {
  count: number
  seed: number
  signal: EndingSignal
}): Promise<void> {
  const random = new Random(seed)
  let struck = 0
  for (let life = 1; struck < count; life++) struck += await oneLife({ life, struck, count, random, signal })
}

async function oneLife({
  life: number,
  struck,
  count,
  random,
  signal,
}: {
  life: number
  struck: number
  count: number
  random: Random
  signal: EndingSignal
}): Promise<number> {
  const shape = random.pick(shapes)
  const life = new Life(random, shape)
  let here = 0
  try {
    const spans = await beginLife(life)
    for (let round = 0; round < roundsInALife * jobs.length && struck + here < count; round++) {
      const job = jobs[round % jobs.length] ?? 'backup'
      const moment = momentIn(spans[job], random, random.chance(0.4) ? 'call' : 'time')
      const what = `${signal} ${struck + here + 1}: life ${number}, ${job} at ${JSON.stringify(moment)}`
      try {
        const hit = await rounds[job](life, moment, signal)
        if (hit) here++
        process.stdout.write(`${what}${hit ? '' : ' (it was quicker)'}\n`)
      } catch (error) {
        process.stdout.write(`${what}, ${JSON.stringify(shape)}: FAILED\n`)
        throw error
      }
    }
    return here
  } finally {
    life.leave()
  }
}
