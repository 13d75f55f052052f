import pkcs11js, { type Template } from 'pkcs11js'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Keystore, KeystoreUnavailable, KeystoreWrong } from '../../../vault/keystore/keystore.ts'
import { createKeystore, openKeystore } from '../../../vault/keystore/open-keystore.ts'
import type { Pkcs11Spec } from '../../../vault/keystore/pkcs11.ts'
import { TokenFailed } from '../../../vault/keystore/token-call.ts'
import { startLink } from '../../../vault/keystore/token-link.ts'
import { insideToken, tokenProcesses } from './inside-token.ts'
import { oddToken } from './odd-token.ts'
import { startSoftHsm } from './softhsm.ts'

const softHsm = startSoftHsm()
const odd = oddToken(softHsm)
afterAll(() => softHsm.end())

const is = pkcs11js
const at = (place: number) => ({ place, hash: Buffer.alloc(32, place) })
let spec: Pkcs11Spec
const opened: Keystore[] = []
const open = async () => {
  const one = await openKeystore(spec, 'a')
  opened.push(one)
  return one
}
beforeEach(async () => {
  spec = odd.token()
  opened.push(await createKeystore(spec, 'a'))
})
afterEach(async () => {
  odd.order()
  for (const one of opened.splice(0)) await one.close()
  expect(tokenProcesses()).toEqual([])
})

const anchors: Template = [
  { type: is.CKA_CLASS, value: is.CKO_DATA },
  { type: is.CKA_LABEL, value: 'vault/anchor/a' },
]
const direct = () => ({ ...spec, module: process.env['COFFER_ODD_REAL'] ?? '' })
const count = () => insideToken(direct(), ({ find }) => find(anchors).length)

/** Puts a changed copy of the anchor beside it, or in its place. */
function plant(change: (value: Buffer) => Buffer, options: { replace: boolean }): void {
  insideToken(direct(), ({ token, session, find }) => {
    const [object] = find(anchors)
    if (!object) throw new Error('no anchor')
    const value = token.C_GetAttributeValue(session, object, [{ type: is.CKA_VALUE }])[0]?.value ?? Buffer.alloc(0)
    const usual: Template = [
      { type: is.CKA_TOKEN, value: true },
      { type: is.CKA_PRIVATE, value: true },
    ]
    token.C_CreateObject(session, [...anchors, ...usual, { type: is.CKA_VALUE, value: change(value) }])
    if (options.replace) token.C_DestroyObject(session, object)
  })
}

describe('the anchor in a token', () => {
  it.each([
    ['dies-before C_CreateObject:1', 1, 1],
    ['dies-after C_CreateObject:1', 2, 2],
    ['dies-before C_DestroyObject:1', 2, 2],
    ['dies-after C_DestroyObject:1', 2, 1],
  ])('is the old one or the new one when the process %s', async (order, place, objects) => {
    const [keys] = opened
    await keys?.writeAnchor(at(1))
    await keys?.close()
    const link = startLink(5000)
    await link.ask('login', spec)
    expect((await link.ask('readAnchor', 'a')).sequence).toBe(1)
    odd.order(order)
    await expect(link.ask('writeAnchor', 'a', at(2), { own: 1, seen: 1 })).rejects.toThrow(TokenFailed)
    expect(odd.isDone()).toBe(true)
    expect(count()).toBe(objects)
    const next = await open()
    expect(await next.readAnchor()).toEqual(at(place))
    expect(count()).toBe(1)
    await next.writeAnchor(at(3))
    expect(await next.readAnchor()).toEqual(at(3))
    expect(count()).toBe(1)
  })

  it('is the old one or the new one wherever in its files the token was cut short', { timeout: 300_000 }, async () => {
    await opened[0]?.close()
    const outcomes = new Set<number | undefined>()
    vi.stubEnv('LD_PRELOAD', odd.library)
    try {
      for (const moment of ['before', 'after'])
        for (let number = 1; ; number++) {
          const place = number * 2
          const fresh = await openKeystore(spec, 'a')
          await fresh.writeAnchor(at(place))
          await fresh.close()
          const link = startLink(5000)
          await link.ask('login', spec)
          const { sequence } = await link.ask('readAnchor', 'a')
          odd.order(`dies-${moment} file:${number}`)
          const died = await link.ask('writeAnchor', 'a', at(place + 1), { own: sequence, seen: sequence }).then(
            () => false,
            () => true,
          )
          await link.end()
          expect(died).toBe(odd.isDone())
          odd.order()
          if (!died) {
            // SoftHSM touches an object's file more than ten times: fewer would mean that none was struck.
            expect(number).toBeGreaterThan(10)
            break
          }
          const after = await openKeystore(spec, 'a')
          const read = (await after.readAnchor())?.place
          await after.close()
          expect([place, place + 1], `${moment} file ${number}`).toContain(read)
          expect(count()).toBe(1)
          outcomes.add(read === undefined ? read : read - place)
        }
    } finally {
      vi.unstubAllEnvs()
    }
    expect(outcomes).toEqual(new Set([0, 1]))
  })

  it('is written all the same when the token fails or the process dies in the midst of it', async () => {
    const [keys] = opened
    let place = 0
    for (const moment of ['before', 'after'])
      for (const name of ['C_CreateObject', 'C_DestroyObject']) {
        odd.order(`dies-${moment} ${name}:1`)
        await keys?.writeAnchor(at(++place))
        expect(odd.isDone(), `${moment} ${name}`).toBe(true)
        expect(await keys?.readAnchor()).toEqual(at(place))
        expect(count()).toBe(1)
      }
    for (const name of ['C_CreateObject', 'C_DestroyObject', '*']) {
      odd.order(`fails ${is.CKR_DEVICE_ERROR} ${name}`)
      await keys?.writeAnchor(at(++place))
      expect(odd.isDone(), name).toBe(true)
      expect(await (await open()).readAnchor()).toEqual(at(place))
      expect(count()).toBe(1)
    }
  })

  it('never goes back when writing it failed: the next write counts on', async () => {
    const [keys] = opened
    await keys?.writeAnchor(at(1))
    for (const name of ['C_CreateObject', 'C_DestroyObject']) {
      odd.order(`fails ${is.CKR_DEVICE_ERROR} ${name}:0`)
      await expect(keys?.writeAnchor(at(2))).rejects.toThrow(KeystoreUnavailable)
      odd.order()
      const seen = (await (await open()).readAnchor())?.place
      expect(seen).toBe(name === 'C_CreateObject' ? 1 : 2)
      await keys?.writeAnchor(at(3))
      expect(await keys?.readAnchor()).toEqual(at(3))
      expect(count()).toBe(1)
      await keys?.writeAnchor(at(1))
    }
  })

  it('is not confused by one that was made by half, and removes it', async () => {
    const [keys] = opened
    await keys?.writeAnchor(at(1))
    for (const damage of [
      (value: Buffer) => value.subarray(0, 30),
      () => Buffer.alloc(0),
      (value: Buffer) => Buffer.from(value.map((byte, index) => (index === 7 ? 255 : byte))),
    ]) {
      plant(damage, { replace: false })
      expect(count()).toBe(2)
      expect(await keys?.readAnchor()).toEqual(at(1))
      expect(count()).toBe(1)
    }
  })

  it('that is damaged and alone is not taken for none', async () => {
    plant((value) => value.subarray(0, 30), { replace: true })
    await expect(open()).rejects.toThrow(KeystoreWrong)
    await expect(open()).rejects.toThrow(/vault\/anchor\/a/)
    expect(count()).toBe(1)
  })

  it('notices an older one that is put back', async () => {
    const [keys] = opened
    await keys?.writeAnchor(at(1))
    const old = insideToken(direct(), ({ token, session, find }) => {
      const [object] = find(anchors)
      return object && token.C_GetAttributeValue(session, object, [{ type: is.CKA_VALUE }])[0]?.value
    })
    await keys?.writeAnchor(at(2))
    plant(() => old ?? Buffer.alloc(0), { replace: true })
    await expect(keys?.readAnchor()).rejects.toThrow(KeystoreUnavailable)
    await expect(keys?.writeAnchor(at(3))).rejects.toThrow(KeystoreUnavailable)
  })
})
