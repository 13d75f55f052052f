/** A thief who can write the database, under a running vault and between two runs, gains nothing and hurts little. */
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { decodeRecord, sealBinding } from '../../vault/service/record.ts'
import {
  call,
  firstMessage,
  login,
  loginStart,
  type Owner,
  owner,
  readState,
  register,
} from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'
import { OpaquePool } from '../../vault/service/opaque-pool.ts'
import { parent, Thief } from './vault-thief-tools.ts'

let vault: TestVault
let thief: Thief
/** One for all: starting a thread takes longer than anything here. */
let opaque: OpaquePool
beforeAll(() => {
  opaque = new OpaquePool(1)
})
afterAll(() => opaque.close())
/** Whose record the thief is after: three of its guesses are used up. */
let victim: Owner
/** Somebody else with a record there. */
let other: Owner
/** The victim's row when it was new. */
let early: Buffer

beforeEach(async () => {
  vault = await openTestVault({ opaque, parent })
  thief = new Thief(vault.folder)
  victim = owner()
  other = owner()
  await register(vault.send, victim, { password: 'right' })
  await register(vault.send, other, { password: 'other' })
  early = await thief.row(victim.rid)
  for (let guess = 1; guess <= 3; guess++) await login(vault.send, victim, `wrong ${guess}`)
})
afterEach(async () => {
  await vault.close()
  removeVault(vault)
})

type When = 'running' | 'stopped'
const moments = ['running', 'stopped'] as const

/** Does it under the running node, or while it is stopped, and then starts it again. */
async function strike(when: When, act: () => unknown): Promise<void> {
  if (when === 'stopped') await vault.close()
  await act()
  if (when === 'stopped') vault = await openTestVault({ folder: vault.folder, opaque })
}

async function expectOthersServed(): Promise<void> {
  expect(await login(vault.send, other, 'other')).toHaveProperty('key')
}

const unavailable = { status: 503, refusal: { code: 'unavailable', charged: false } }

/** No guess, right or wrong, is evaluated; nothing is said that is signed; everybody else is served. */
async function expectRecordRefused(who = victim): Promise<void> {
  const before = vault.evaluations.get(who.id)
  for (const password of ['right', 'wrong', 'right'])
    await expect(login(vault.send, who, password)).rejects.toMatchObject(unavailable)
  await expect(readState(vault.send, who)).rejects.toMatchObject(unavailable)
  await expect(register(vault.send, who, { password: 'new', generation: 1 })).rejects.toMatchObject(unavailable)
  expect(vault.evaluations.get(who.id)).toBe(before)
  expect(vault.troubles.length).toBeGreaterThan(0)
  await expectOthersServed()
}

const rowAttacks: Record<string, () => unknown> = {
  'more guesses are written into it': () => thief.editRow(victim.rid, () => ({ budget: 10 })),
  'its counter is set back': () => thief.editRow(victim.rid, ({ counter }) => ({ counter: counter - 1 })),
  'its tried guesses are taken out': () => thief.editRow(victim.rid, () => ({ attempts: [] })),
  'a ticket that was given back is opened again': () =>
    thief.editRow(victim.rid, ({ attempts }) => ({ attempts: attempts.map((it) => ({ ...it, closed: false })) })),
  'it is set to an earlier epoch': () => thief.editRow(victim.rid, ({ epoch }) => ({ epoch: epoch - 1 })),
  'another owner’s key is put in': () => thief.editRow(victim.rid, () => ({ ownerKey: owner().ownerKey })),
  'cheaper stretching is put in': () =>
    thief.editRow(victim.rid, () => ({ stretching: { memory: 9, passes: 1, parallelism: 1 } })),
  'it is made a tombstone': () => thief.editRow(victim.rid, () => ({ state: 'deleted' })),
  'its first version is put back': () => thief.writeRow(victim.rid, early),
  'somebody else’s row is put in its place': async () => thief.writeRow(victim.rid, await thief.row(other.rid)),
  'it is deleted': () => thief.sql('DELETE FROM rows WHERE rid = ?', victim.rid),
  'its bytes are deleted, and the row stays': () =>
    thief.sql('DELETE FROM slots WHERE number = (SELECT slot FROM rows WHERE rid = ?)', victim.rid),
  'it is pointed at another row’s bytes': () =>
    thief.sql('UPDATE rows SET slot = (SELECT slot FROM rows WHERE rid = ?) WHERE rid = ?', other.rid, victim.rid),
  'it is emptied': () => thief.writeRow(victim.rid, Buffer.alloc(0)),
  'it is overwritten with noise': () => thief.writeRow(victim.rid, randomBytes(1000)),
  'its last byte is cut off': async () => thief.writeRow(victim.rid, (await thief.row(victim.rid)).subarray(0, -1)),
}

describe.each(moments)('a row, while the vault is %s,', (when) => {
  it.each(Object.keys(rowAttacks))('is refused, and nothing else, when %s', async (name) => {
    await strike(when, rowAttacks[name] ?? (() => expect.unreachable()))
    await expectRecordRefused()
  })

  it('is refused under an id that the vault does not know', async () => {
    const mine = owner()
    await strike(when, async () => thief.writeRow(mine.rid, await thief.row(victim.rid)))
    await expect(login(vault.send, mine, 'right')).rejects.toMatchObject(unavailable)
    expect(await login(vault.send, victim, 'right')).toHaveProperty('key')
  })

  it('of a destroyed or deleted record is refused when the one with the secrets is put back', async () => {
    for (let guess = 4; guess <= 10; guess++) await login(vault.send, victim, `wrong ${guess}`)
    await strike(when, () => thief.writeRow(victim.rid, early))
    await expectRecordRefused()
    expect(vault.evaluations.get(victim.id) ?? 0).toBe(when === 'running' ? 10 : 0)
  })

  it('of an exhausted record is refused when it is set to active', async () => {
    await strike(when, () => thief.editRow(victim.rid, () => ({ state: 'active', budget: 10, at: 0 })))
    await expectRecordRefused()
  })

  it('that is refused does not keep the sweeper from the others', async () => {
    for (let guess = 1; guess <= 10; guess++) await call(vault.send, loginStart(other, await firstMessage(`${guess}`)))
    const clock = { now: vault.clock.now + 120_001 }
    await vault.close()
    await thief.editRow(victim.rid, () => ({ budget: 10 }))
    thief.sql('UPDATE rows SET touch_at = 1 WHERE rid = ?', victim.rid)
    vault = await openTestVault({ folder: vault.folder, opaque, clock })
    expect(await vault.node.sweep()).toBe(2)
    expect(decodeRecord(await thief.row(other.rid)).record.state).toBe('destroyed')
  })

  it('may be pointed out to the sweeper or hidden from it: that changes nothing', async () => {
    await strike(when, () => thief.sql('UPDATE rows SET touch_at = 1'))
    await vault.node.sweep()
    expect(await readState(vault.send, victim)).toMatchObject({ state: 'active', attemptsLeft: 7 })
  })
})

describe('a row of another vault', () => {
  it('for the same id is refused here, and its seal does not open with these keys', async () => {
    const elsewhere = await openTestVault({ opaque, parent })
    try {
      await register(elsewhere.send, victim, { password: 'known to the thief' })
      const foreign = await new Thief(elsewhere.folder).row(victim.rid)
      await thief.writeRow(victim.rid, foreign)
      await expectRecordRefused()
      const { record, sealEpoch, sealed } = decodeRecord(foreign)
      await expect(vault.keystore.open(sealEpoch, sealed, sealBinding(record))).rejects.toThrow('does not fit')
      await expect(elsewhere.keystore.open(sealEpoch, sealed, sealBinding(record))).resolves.toBeDefined()
    } finally {
      await elsewhere.close()
      removeVault(elsewhere)
    }
  })
})
