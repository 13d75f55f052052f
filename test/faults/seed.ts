/** Seeds of tests that draw at random. */
import { randomInt } from 'node:crypto'

/** COFFER_SEED, or a new one; printed, so that a run can be had again. */
export function chooseSeed(test: string): number {
  const given = process.env['COFFER_SEED']
  const seed = given === undefined ? randomInt(2 ** 31) : Number(given)
  process.stdout.write(`${test}: COFFER_SEED=${seed}\n`)
  return seed
}
