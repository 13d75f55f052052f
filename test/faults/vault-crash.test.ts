/** A process that dies at every call to its storage or its keystore, before, inside and after it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OpaqueHere } from '../fixtures/vault/opaque-here.ts'
import type { Blow } from './vault-mortal.ts'
import { type Operation, operations, Stage } from './vault-operations.ts'
import { World } from './vault-world.ts'

let world: World
beforeEach(async () => {
  world = await World.open({ nodes: 1, waits: [], opaque: new OpaqueHere() })
})
afterEach(() => world.close())

/** Gives whether the node died of it, and how many calls it had made. */
async function strike(operation: Operation, blow: Blow): Promise<{ died: boolean; calls: number }> {
  const stage = await Stage.set(world)
  const perform = await operation.prepare(stage)
  world.doom(0, blow)
  await perform()
  const fate = world.fate(0)
  await world.restart(0)
  await world.judge([stage.who.id])
  await operation.found?.(stage)
  // What the client does when no answer came.
  await perform()
  await world.judge([stage.who.id])
  await operation.done(stage)
  world.checkTroubles()
  return fate
}

describe('a crash leaves the record as it was or as it should be, and repeating ends well, at every step of', () => {
  it.each(Object.entries(operations))('%s', { timeout: 300_000 }, async (_name, operation) => {
    let struck = 0
    for (const when of ['before', 'inside', 'after'] as const)
      for (let call = 1; ; call++) {
        const { died, calls } = await strike(operation, { call, when }).catch((error: unknown) =>
          Promise.reject(new Error(`dead ${when} call ${call}`, { cause: error })),
        )
        if (died) struck += 1
        else if (calls < call) break
      }
    // At least the commit and the anchor, before and after.
    expect(struck).toBeGreaterThan(4)
  })
})
