/** Changing the seal key, interrupted at each call to the keystore and the storage: nothing is lost, and it is run again. */
import { cpSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KeystoreUnavailable } from '../../vault/keystore/keystore.ts'
import { rotateSealKey } from '../../vault/log/rotate.ts'
import { OpaquePool } from '../../vault/service/opaque-pool.ts'
import { StorageUnavailable } from '../../vault/store/storage.ts'
import { decodeRecord } from '../../vault/service/record.ts'
import { login, type Owner, owner, readState, register } from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'
import { parent, Thief } from './vault-thief-tools.ts'

let opaque: OpaquePool
beforeAll(() => {
  opaque = new OpaquePool(1)
})
afterAll(() => opaque.close())

/** Counts the calls to something, and lets the n-th fail, before it is done or after. */
class Interruption {
  calls = 0
  deadly = 0
  after = false
  around<T extends object>(real: T, error: () => Error): T {
    return new Proxy(real, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return async (...args: unknown[]): Promise<unknown> => {
          const isDeadly = ++this.calls === this.deadly
          if (isDeadly && !this.after) throw error()
          const result: unknown = await Reflect.apply(value, target, args)
          if (isDeadly) throw error()
          return result
        }
      },
    })
  }
}

async function open(cut: Interruption, folder?: string): Promise<TestVault> {
  return openTestVault({
    opaque,
    ...(folder === undefined ? { parent } : { folder }),
    wrap: ({ keystore, storage }) => ({
      keystore: cut.around(keystore, () => new KeystoreUnavailable('died')),
      storage: cut.around(storage, () => new StorageUnavailable('died')),
    }),
  })
}

let owners: Owner[]
/** A vault's folder, never opened again: each test begins with a copy. */
let template: string
beforeAll(async () => {
  const vault = await open(new Interruption())
  owners = [owner(), owner(), owner()]
  for (const me of owners) await register(vault.send, me, { password: 'right' })
  // One has used a guess, one is destroyed.
  const [, used, dead] = owners
  if (used) await login(vault.send, used, 'wrong')
  for (let guess = 1; dead && guess <= 10; guess++) await login(vault.send, dead, `wrong ${guess}`)
  await vault.close()
  template = vault.folder
})
afterAll(() => removeVault({ folder: template }))

interface Scene {
  vault: TestVault
  cut: Interruption
}

async function scene(): Promise<Scene> {
  const cut = new Interruption()
  const folder = mkdtempSync(join(parent, 'coffer-vault-'))
  cpSync(template, folder, { recursive: true })
  return { vault: await open(cut, folder), cut }
}

async function expectWhole({ vault }: Pick<Scene, 'vault'>): Promise<void> {
  const states = await Promise.all(owners.map((me) => readState(vault.send, me)))
  expect(states.map(({ state, attemptsLeft }) => [state, attemptsLeft])).toEqual([
    ['active', 10],
    ['active', 9],
    ['destroyed', 0],
  ])
  const [first] = owners
  if (first) expect(await login(vault.send, first, 'right')).toHaveProperty('key')
}

describe('a rotation', () => {
  it('that is interrupted at any call loses nothing; the next one finishes it, and the old key is gone', async () => {
    const counting = await scene()
    const from = counting.cut.calls
    await rotateSealKey(counting.vault.node.parts)
    const calls = counting.cut.calls - from
    await counting.vault.close()
    removeVault(counting.vault)
    expect(calls).toBeGreaterThan(10)

    for (const after of [false, true])
      for (let at = 1; at <= calls; at++) {
        const it = await scene()
        Object.assign(it.cut, { calls: 0, deadly: at, after })
        // Scrubbing is not waited for everywhere, so that not every interruption is heard of.
        await rotateSealKey(it.vault.node.parts).catch(() => undefined)
        it.cut.deadly = 0
        await it.vault.close()
        it.vault = await open(it.cut, it.vault.folder)
        await expectWhole(it)
        const { epoch } = await rotateSealKey(it.vault.node.parts)
        expect(await it.vault.keystore.epochs()).toEqual([epoch])
        for (const { bytes } of await it.vault.storage.rows(undefined, 10)) {
          const { sealed, sealEpoch } = decodeRecord(bytes)
          if (sealed.length > 0) expect(sealEpoch).toBe(epoch)
        }
        await expectWhole(it)
        await it.vault.close()
        removeVault(it.vault)
      }
  })

  it('that has begun goes on under the new key, though a thief puts the head of the old key’s time back', async () => {
    const { vault } = await scene()
    const thief = new Thief(vault.folder)
    const before = thief.head()
    await vault.node.parts.journal.sealWith(await vault.keystore.addEpoch())
    expect(thief.head()).toMatchObject({ place: before.place, epoch: 2 })
    thief.putHead(before)
    const [first] = owners
    if (first) await login(vault.send, first, 'right')
    expect(decodeRecord(await thief.row(first?.rid ?? Buffer.alloc(0))).sealEpoch).toBe(2)
    await vault.close()
    removeVault(vault)
  })
})
