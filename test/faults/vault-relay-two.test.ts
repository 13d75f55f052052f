/** The adversarial relay of vault-relay.test.ts between people and two nodes over one database. */
import { expect, it } from 'vitest'
import { chooseSeed } from './seed.ts'
import { playSchedules } from './vault-relay.ts'

const seed = chooseSeed('vault-relay-two')

it(
  'whatever a relay does to two nodes, nobody gets an eleventh guess, a second record, or a key without its password',
  {
    timeout: 600_000,
  },
  async () => {
    expect(await playSchedules({ seed, count: 1000, nodes: 2 })).toBe(1000)
  },
)
