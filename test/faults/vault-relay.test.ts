/** An adversarial relay against a real vault: a model knows what must be true, whatever the relay does. */
import { describe, expect, it } from 'vitest'
import { chooseSeed } from './seed.ts'
import { mutants } from './vault-mutants.ts'
import { playSchedules } from './vault-relay.ts'
import { Violation } from './vault-truth.ts'

const seed = chooseSeed('vault-relay')

it(
  'whatever a relay does to one node, nobody gets an eleventh guess, a second record, or a key without its password',
  {
    timeout: 600_000,
  },
  async () => {
    expect(await playSchedules({ seed, count: 1000, nodes: 1 })).toBe(1000)
  },
)

describe('the model notices', () => {
  it.each(Object.entries(mutants))('%s', { timeout: 600_000 }, async (_name, mutant) => {
    const played = playSchedules({ seed, count: 20_000, mutant: mutant() })
    await expect(played).rejects.toMatchObject({ cause: expect.any(Violation) })
  })
})
