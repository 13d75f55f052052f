/** What an operator's recovery destroys, and what it leaves: exactly what cannot be trusted any more. */
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { burn, doomedBy } from '../../vault/log/recover.ts'
import { survey } from '../../vault/log/survey.ts'
import { KeystoreUnavailable } from '../../vault/keystore/keystore.ts'
import { openKeystore } from '../../vault/keystore/open-keystore.ts'
import { OpaquePool } from '../../vault/service/opaque-pool.ts'
import { put } from '../../vault/service/ownership.ts'
import { openSqlite } from '../../vault/store/sqlite.ts'
import { type Storage, StorageUnavailable } from '../../vault/store/storage.ts'
import {
  fingerprint,
  login,
  type Owner,
  owner,
  ownerRequest,
  readState,
  register,
} from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'
import { parent, Thief } from './vault-thief-tools.ts'

let vault: TestVault
let thief: Thief
let who: Owner
let other: Owner
let opaque: OpaquePool
beforeAll(() => {
  opaque = new OpaquePool(1)
})
afterAll(() => opaque.close())

beforeEach(async () => {
  vault = await openTestVault({ opaque, parent })
  thief = new Thief(vault.folder)
  who = owner()
  other = owner()
  await register(vault.send, who, { password: 'right' })
  await register(vault.send, other, { password: 'other' })
})
afterEach(async () => {
  await vault.close()
  removeVault(vault)
})

async function start(): Promise<void> {
  vault = await openTestVault({ folder: vault.folder, opaque })
}

/** Keystore and storage as the operator's command has them, without a node: there are databases that none starts with. */
async function operate<T>(work: (parts: Pick<TestVault, 'keystore' | 'storage'>) => Promise<T>): Promise<T> {
  const { folder } = vault
  const keystore = await openKeystore({ kind: 'software', file: `${folder}/keys`, anchorFolder: folder }, 'one')
  const storage = await openSqlite({ file: `${folder}/vault.db`, now: () => vault.clock.now })
  try {
    return await work({ keystore, storage })
  } finally {
    await storage.close()
    await keystore.close()
  }
}

async function expectDestroyed(me: Owner, password = 'right'): Promise<void> {
  await expect(login(vault.send, me, password)).rejects.toMatchObject({
    status: 410,
    refusal: { code: 'destroyed', statement: { state: 'destroyed', attemptsLeft: 0 } },
  })
}

/** Whoever holds K makes a record with a new password; the old one opens nothing. */
async function expectCreatesAnew(me: Owner): Promise<void> {
  const { generation } = await readState(vault.send, me, vault.clock.now)
  await register(vault.send, me, { password: 'new', generation })
  expect(await login(vault.send, me, 'right')).toMatchObject({ wrong: true, attemptsLeft: 9 })
  const it = await login(vault.send, me, 'new')
  expect('key' in it && it.key.equals(me.key)).toBe(true)
  const print = await fingerprint(vault.send)
  const path = `/v1/records/${me.id}/receipts`
  const { json } = await vault.send(ownerRequest(me, print, { method: 'GET', path, generation: 0 }))
  expect(json).toMatchObject({ statement: { attemptsLeft: 10 } })
}

describe('recovery from single rows', () => {
  const attacks: Record<string, () => unknown> = {
    changed: () => thief.editRow(who.rid, () => ({ budget: 10 })),
    'filled with noise': () => thief.writeRow(who.rid, randomBytes(700)),
    'somebody else’s': async () => thief.writeRow(who.rid, await thief.row(other.rid)),
    deleted: () => thief.sql('DELETE FROM rows WHERE rid = ?', who.rid),
    'without its bytes': () =>
      thief.sql('DELETE FROM slots WHERE number = (SELECT slot FROM rows WHERE rid = ?)', who.rid),
    'given a generation that nobody could follow': () => thief.editRow(who.rid, () => ({ generation: 2 ** 53 - 2 })),
  }

  it.each(Object.keys(attacks))('destroys one that is %s, and no other; its owner creates it anew', async (name) => {
    for (const guess of [1, 2]) await login(vault.send, who, `wrong ${guess}`)
    await vault.close()
    await attacks[name]?.()
    const damage = await operate(survey)
    expect(damage).toMatchObject({ older: false, unanchored: false, lost: 0, living: 1 })
    expect(doomedBy(damage)).toBe(1)
    await operate(burn)
    expect(doomedBy(await operate(survey))).toBe(0)
    await start()
    expect(await login(vault.send, other, 'other')).toHaveProperty('key')
    await expectDestroyed(who)
    await expectCreatesAnew(who)
  })

  it('destroys one whose older version was put back, though later receipts are there', async () => {
    const older = await thief.row(who.rid)
    for (const guess of [1, 2]) await login(vault.send, who, `wrong ${guess}`)
    await vault.close()
    await thief.writeRow(who.rid, older)
    await operate(burn)
    await start()
    await expectDestroyed(who)
    const state = await readState(vault.send, who)
    expect(state.generation).toBe(1)
    await expectCreatesAnew(who)
  })

  it('makes a tombstone of one that the log never knew', async () => {
    const mine = owner()
    await vault.close()
    await thief.writeRow(mine.rid, randomBytes(500))
    expect(await operate(survey)).toMatchObject({ living: 2, refused: 1, missing: 0 })
    await operate(burn)
    await start()
    await expectDestroyed(mine)
    await expectCreatesAnew(mine)
    expect(await login(vault.send, who, 'right')).toHaveProperty('key')
  })

  it('does not undo what the next node learns from a checkpoint', async () => {
    await vault.node.checkpoint(1)
    await vault.close()
    thief.sql('DELETE FROM rows WHERE rid = ?', who.rid)
    await operate(burn)
    await start()
    await vault.node.checkpoint(1)
    await vault.close()
    await start()
    await expectDestroyed(who)
    await expectCreatesAnew(who)
  })

  it('that was given up stays refused when somebody puts its row back', async () => {
    const row = await thief.row(who.rid)
    await vault.close()
    thief.sql('DELETE FROM rows WHERE rid = ?', who.rid)
    await operate(burn)
    await thief.writeRow(who.rid, row)
    await start()
    await expect(login(vault.send, who, 'right')).rejects.toMatchObject({ status: 503 })
  })
})

describe('recovery from an older database', () => {
  it('destroys every living record, since nobody knows whose guesses are lost', async () => {
    await vault.close()
    const older = thief.copy()
    await start()
    for (const guess of [1, 2, 3]) await login(vault.send, who, `wrong ${guess}`)
    const late = owner()
    await register(vault.send, late, { password: 'right' })
    await vault.close()
    thief.putBack(older, { how: 'over' })
    expect(await operate(survey)).toEqual({
      older: true,
      unanchored: false,
      lost: 7,
      living: 2,
      refused: 0,
      missing: 0,
    })
    await operate(burn)
    await start()
    await expectDestroyed(who)
    await expectDestroyed(other)
    await expectCreatesAnew(who)
    // Of what was made after the copy nothing is known.
    await expect(login(vault.send, late, 'right')).rejects.toMatchObject({
      refusal: { code: 'no_record', statement: { state: 'none' } },
    })
  })

  it('that is interrupted at any moment trusts nothing that is left, and is run again', async () => {
    const many = 450
    const owners = Array.from({ length: many }, () => owner())
    const secrets = { setup: randomBytes(128), registration: randomBytes(192), wrapped: randomBytes(104) }
    const stretching = { memory: 8, passes: 1, parallelism: 1 } as const
    const made = { secrets, stretching, newest: null, expiresAt: Infinity, counter: 0, invite: undefined }
    const make = async ({ rid, ownerKey }: Owner): Promise<void> => {
      const request = { ownerKey, rid, generation: 0, requestId: randomBytes(16), bodyDigest: randomBytes(64) }
      await vault.node.parts.journal.submit(rid, (moment) => put(moment, request, made))
    }
    await Promise.all(owners.map(make))
    await vault.close()
    const older = thief.copy()
    await start()
    // One change is lost: after the first group of tombstones the log is longer than the anchor knows.
    await login(vault.send, who, 'wrong')
    await vault.close()

    for (const deadly of [1, 2, 3, 4]) {
      thief.putBack(older, { how: 'over' })
      await expect(operate((parts) => burn(dyingAt(parts, deadly)))).rejects.toThrow('died')
      await expect(start().then(() => 'it started')).rejects.toThrow(/older|another one/)
      const damage = await operate(survey)
      expect(damage).toMatchObject({
        older: true,
        refused: 0,
        missing: 0,
        living: Math.max(0, many + 2 - 200 * (deadly - 1)),
      })
    }
    await operate(burn)
    expect(await operate(survey)).toEqual({
      older: false,
      unanchored: false,
      lost: 0,
      living: 0,
      refused: 0,
      missing: 0,
    })
    await start()
    await expectDestroyed(who)
  })
})

/** Dies at its n-th write: groups, and the anchor after the last. */
function dyingAt({ keystore, storage }: Pick<TestVault, 'keystore' | 'storage'>, deadly: number) {
  let writes = 0
  const group: Storage['group'] = (wanted, decide) => {
    if (++writes === deadly) return Promise.reject(new StorageUnavailable('died'))
    return storage.group(wanted, decide)
  }
  return {
    storage: { ...storage, group },
    keystore: {
      ...keystore,
      writeAnchor: (anchor: Parameters<typeof keystore.writeAnchor>[0]) =>
        ++writes === deadly ? Promise.reject(new KeystoreUnavailable('died')) : keystore.writeAnchor(anchor),
    },
  }
}
