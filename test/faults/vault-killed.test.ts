/** The vault's own process, killed at random moments under load. */
import { expect, it } from 'vitest'
import { Random } from '../fixtures/random.ts'
import { chooseSeed } from './seed.ts'
import { killVault } from './vault-killed.ts'

const seed = chooseSeed('vault-killed')

it(
  'killed a dozen times under load, the vault has forgotten no guess that it answered',
  { timeout: 300_000 },
  async () => {
    expect(await killVault({ count: 12, random: new Random(seed) })).toBeGreaterThan(100)
  },
)
