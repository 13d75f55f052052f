/** Two nodes over one database: what one has done, the other must know, prove and remember. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LoginStarted, Statement } from '../../contract/vault.ts'
import type { Storage } from '../../vault/store/storage.ts'
import { StorageUnavailable } from '../../vault/store/storage.ts'
import {
  call,
  fingerprint,
  firstMessage,
  loginStart,
  owner,
  ownerRequest,
  readState,
  register,
} from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'

let one: TestVault
let two: TestVault
/** The next commit of node one is made, and its answer lost. */
let loseNextAnswer = false

beforeEach(async () => {
  loseNextAnswer = false
  one = await openTestVault({ wrap: (real) => ({ ...real, storage: forgetful(real.storage) }) })
  two = await openTestVault({ folder: one.folder, nodeName: 'two', clock: one.clock })
})
afterEach(async () => {
  await Promise.all([one.close(), two.close()])
  removeVault(one)
})

function forgetful(real: Storage): Storage {
  const group: Storage['group'] = async (wanted, decide) => {
    const value = await real.group(wanted, decide)
    if (!loseNextAnswer) return value
    loseNextAnswer = false
    throw new StorageUnavailable('the answer was lost')
  }
  // An engine's methods are its own properties.
  return { ...real, group }
}

/** How far the log has come, and how far this node's keystore knows it. */
async function places({ storage, keystore }: TestVault): Promise<{ log: number; anchor: number }> {
  return { log: (await storage.head())?.place ?? 0, anchor: (await keystore.readAnchor())?.place ?? 0 }
}

describe('a guess that one node charged', () => {
  it('is evaluated by the other for the same message, without a second charge, once its own anchor knows of it', async () => {
    const who = owner()
    await register(one.send, who, { password: 'right' })
    const attempt = await firstMessage('guess')
    const first = LoginStarted.parse(await call(one.send, loginStart(who, attempt)))
    const again = LoginStarted.parse(await call(two.send, loginStart(who, attempt)))
    expect(again.receipt).toEqual(first.receipt)
    const { log, anchor } = await places(two)
    expect(anchor).toBe(log)
    expect(await readState(two.send, who)).toMatchObject({ attemptsLeft: 9 })
  })

  it('and whose commit’s answer was lost is answered when asked again, once the anchor knows of it', async () => {
    const who = owner()
    await register(one.send, who, { password: 'right' })
    const attempt = await firstMessage('guess')
    loseNextAnswer = true
    expect(await one.send(loginStart(who, attempt))).toMatchObject({ status: 503, json: { charged: true } })
    expect(one.evaluations.get(who.id)).toBeUndefined()
    await call(one.send, loginStart(who, attempt))
    const { log, anchor } = await places(one)
    expect(anchor).toBe(log)
    expect(await readState(one.send, who)).toMatchObject({ attemptsLeft: 9 })
  })
})

describe('where the log stands', () => {
  it('is told alike by both nodes, also by the one that has only looked', async () => {
    const who = owner()
    await register(one.send, who, { password: 'right' })
    await call(one.send, loginStart(who, await firstMessage('guess')))
    const here = await readState(one.send, who)
    const there = await readState(two.send, who)
    expect(there).toMatchObject({ counter: here.counter, logPlace: here.logPlace, logHead: here.logHead })
  })

  it('is followed by a node that slept while the log behind it was replaced by checkpoints', async () => {
    const who = owner()
    await register(one.send, who, { password: 'right' })
    await readState(two.send, who)
    for (let day = 1; day <= 3; day++) {
      await register(one.send, who, { password: `day ${day}`, generation: day })
      await register(one.send, owner(), { password: 'another' })
      await one.node.checkpoint(1)
    }
    const [oldest] = await one.storage.log(0, 1)
    expect(oldest?.place).toBeGreaterThan((await places(two)).anchor + 1)
    const path = `/v1/records/${who.id}`
    const request = ownerRequest(who, await fingerprint(two.send), { method: 'GET', path, generation: 0 })
    expect(Statement.parse(await call(two.send, request))).toMatchObject({ generation: 4, attemptsLeft: 10 })
    expect(two.node.parts.journal.brokenBy).toBeUndefined()
  })
})
