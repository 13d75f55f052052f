/** What a relay holds back and delivers later must not undo what the owner did meanwhile. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  call,
  fingerprint,
  login,
  owner,
  ownerRequest,
  prepareRecord,
  readState,
  register,
} from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'

let vault: TestVault
let print: Buffer
beforeEach(async () => {
  vault = await openTestVault()
  print = await fingerprint(vault.send)
})
afterEach(async () => {
  await vault.close()
  removeVault(vault)
})

describe('a change of password that was held back', () => {
  it('does not bring a record back that its owner has deleted since', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'old' })
    const held = await prepareRecord(vault.send, who, { password: 'new', generation: 1, vault: print })
    const path = `/v1/records/${who.id}`
    await call(vault.send, ownerRequest(who, print, { method: 'DELETE', path, generation: 1 }))
    expect(await vault.send(held)).toMatchObject({ status: 409, json: { code: 'conflict' } })
    expect(await readState(vault.send, who)).toMatchObject({ state: 'deleted', generation: 1 })
    await register(vault.send, who, { password: 'anew', generation: 1 })
    expect(await login(vault.send, who, 'anew')).toHaveProperty('key')
  })

  it('does not bring a record back that was destroyed since; begun anew, it does', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'old' })
    const held = await prepareRecord(vault.send, who, { password: 'new', generation: 1, vault: print })
    for (let guess = 1; guess <= 10; guess++) await login(vault.send, who, `wrong ${guess}`)
    expect(await vault.send(held)).toMatchObject({ status: 409, json: { statement: { state: 'destroyed' } } })
    await register(vault.send, who, { password: 'new', generation: 1 })
    expect(await login(vault.send, who, 'new')).toHaveProperty('key')
  })
})
