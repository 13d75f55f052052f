/** Paths as people write them. */
import { resolve } from 'node:path'
import { CofferError } from '../../contract/errors.ts'

/**
 * Absolute, from where the person stands. An empty one is most likely a variable that was never set, and would mean
 * the very folder they stand in: usage.
 */
export function givenPath(world: { standing: string }, path: string): string {
  if (path === '') throw new CofferError('usage', { reason: 'A path is empty.' })
  return resolve(world.standing, path)
}
