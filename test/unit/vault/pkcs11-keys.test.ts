import { randomBytes } from 'node:crypto'
import pkcs11js, { type Template } from 'pkcs11js'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Keystore, KeystoreUnavailable, KeystoreWrong } from '../../../vault/keystore/keystore.ts'
import { createKeystore, openKeystore } from '../../../vault/keystore/open-keystore.ts'
import type { Pkcs11Spec } from '../../../vault/keystore/pkcs11.ts'
import { insideToken, tokenProcesses } from './inside-token.ts'
import { oddToken } from './odd-token.ts'
import { startSoftHsm } from './softhsm.ts'

const softHsm = startSoftHsm()
const odd = oddToken(softHsm)
afterAll(() => softHsm.end())

const is = pkcs11js
let spec: Pkcs11Spec
const opened: Keystore[] = []
beforeEach(() => {
  spec = softHsm.token()
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
  expect(tokenProcesses()).toEqual([])
})
const create = async (at = spec) => keep(await createKeystore(at, 'a'))
const open = async (at = spec) => keep(await openKeystore(at, 'a'))
function keep(one: Keystore): Keystore {
  opened.push(one)
  return one
}

const yes = Buffer.of(1)
const no = Buffer.of(0)
const epochId = (epoch: number) => Buffer.from([0, 0, 0, epoch])

/** Makes an AES key as the vault would, but for what is given. */
function plantSeal(epoch: number, other: Template): void {
  insideToken(spec, ({ token, session }) => {
    const usual: Template = [
      { type: is.CKA_TOKEN, value: true },
      { type: is.CKA_PRIVATE, value: true },
      { type: is.CKA_SENSITIVE, value: true },
      { type: is.CKA_EXTRACTABLE, value: false },
      { type: is.CKA_ENCRYPT, value: true },
      { type: is.CKA_DECRYPT, value: true },
      { type: is.CKA_VALUE_LEN, value: 32 },
      { type: is.CKA_LABEL, value: `vault/seal/${epoch}` },
      { type: is.CKA_ID, value: epochId(epoch) },
    ]
    const kept = usual.filter(({ type }) => !other.some((changed) => changed.type === type))
    token.C_GenerateKey(session, { mechanism: is.CKM_AES_KEY_GEN }, [...kept, ...other])
  })
}

describe('the keys of a vault in a token', () => {
  it('never leave it: sensitive, not extractable, not modifiable, and for one purpose only', async () => {
    const keys = await create()
    await keys.addEpoch()
    insideToken(spec, ({ token, session, one }) => {
      const seals = [1, 2].map((epoch) => one(is.CKO_SECRET_KEY, `vault/seal/${epoch}`))
      const identity = one(is.CKO_PRIVATE_KEY, 'vault/identity')
      for (const key of [...seals, identity]) {
        const flag = (type: number) => token.C_GetAttributeValue(session, key, [{ type }])[0]?.value
        for (const type of [is.CKA_TOKEN, is.CKA_PRIVATE, is.CKA_SENSITIVE, is.CKA_ALWAYS_SENSITIVE, is.CKA_LOCAL])
          expect(flag(type)).toEqual(yes)
        for (const type of [is.CKA_EXTRACTABLE, is.CKA_MODIFIABLE]) expect(flag(type)).toEqual(no)
        expect(flag(is.CKA_NEVER_EXTRACTABLE)).toEqual(yes)
        expect(() => flag(is.CKA_VALUE)).toThrow(/CKR_ATTRIBUTE_SENSITIVE/)
        for (const type of [is.CKA_EXTRACTABLE, is.CKA_LABEL])
          expect(() => token.C_SetAttributeValue(session, key, [{ type, value: yes }])).toThrow(/CKR_/)
      }
      for (const key of seals) {
        const flags = [is.CKA_ENCRYPT, is.CKA_DECRYPT, is.CKA_WRAP, is.CKA_UNWRAP].map((type) => ({ type }))
        expect(token.C_GetAttributeValue(session, key, flags).map(({ value }) => value)).toEqual([yes, yes, no, no])
        const wrap = () =>
          token.C_WrapKey(session, { mechanism: is.CKM_AES_KEY_WRAP }, key, identity, Buffer.alloc(500))
        expect(wrap).toThrow(/CKR_/)
      }
    })
  })

  it('are there without MODIFIABLE where a token knows no such thing', async () => {
    const at = odd.token()
    odd.order('fixed-templates')
    const keys = await create(at)
    const sealed = await keys.seal(1, Buffer.from('text'), Buffer.alloc(3))
    expect(Buffer.from(await keys.open(1, sealed, Buffer.alloc(3))).toString()).toBe('text')
    odd.order()
    expect(odd.calls('C_GenerateKey')).toBe(2)
  })

  it('say what holds them: a program that acts as a token is no hardware vault', async () => {
    const keys = await create()
    expect(keys.kind).toBe('software')
    expect(keys.model).toBe('SoftHSM v2, a program that acts as a token')
  })

  it.each([
    ['extractable', { type: is.CKA_EXTRACTABLE, value: true }],
    ['not sensitive', { type: is.CKA_SENSITIVE, value: false }],
    ['public', { type: is.CKA_PRIVATE, value: false }],
  ])('are refused when one is %s, at opening and when it comes later', async (_, attribute) => {
    const keys = await create()
    plantSeal(2, [attribute])
    await expect(open()).rejects.toThrow(KeystoreWrong)
    await expect(open()).rejects.toThrow(/seal key 2/)
    await expect(keys.seal(2, Buffer.alloc(3), Buffer.alloc(3))).rejects.toThrow(KeystoreUnavailable)
    await keys.seal(1, Buffer.alloc(3), Buffer.alloc(3))
  })

  it('are refused when the identity could be taken out', async () => {
    const keys = await create()
    await keys.close()
    insideToken(spec, ({ token, session, one }) => {
      for (const type of [is.CKO_PRIVATE_KEY, is.CKO_PUBLIC_KEY])
        token.C_DestroyObject(session, one(type, 'vault/identity'))
      const named: Template = [
        { type: is.CKA_TOKEN, value: true },
        { type: is.CKA_LABEL, value: 'vault/identity' },
      ]
      token.C_GenerateKeyPair(
        session,
        { mechanism: is.CKM_EC_KEY_PAIR_GEN },
        [...named, { type: is.CKA_EC_PARAMS, value: Buffer.from('06082a8648ce3d030107', 'hex') }],
        [
          ...named,
          { type: is.CKA_PRIVATE, value: true },
          { type: is.CKA_SENSITIVE, value: true },
          { type: is.CKA_EXTRACTABLE, value: true },
        ],
      )
    })
    await expect(open()).rejects.toThrow(KeystoreWrong)
    await expect(open()).rejects.toThrow(/identity is not what it must be: not extractable/)
  })

  it('are refused when there are two of one epoch, until one is gone', async () => {
    const keys = await create()
    plantSeal(1, [])
    await expect(keys.epochs()).rejects.toThrow(KeystoreUnavailable)
    await expect(open()).rejects.toThrow(/two keys labelled/)
    // Nothing is added beside such a pair.
    await expect(keys.addEpoch()).rejects.toThrow(KeystoreUnavailable)
    insideToken(spec, ({ token, session, find }) => {
      const [, second] = find([{ type: is.CKA_CLASS, value: is.CKO_SECRET_KEY }])
      if (second) token.C_DestroyObject(session, second)
    })
    expect(await keys.epochs()).toEqual([1])
  })

  it('are refused when a key is labelled as the vault’s and is none', async () => {
    await create()
    plantSeal(2, [{ type: is.CKA_ID, value: epochId(3) }])
    await expect(open()).rejects.toThrow(/CKA_ID differs/)
  })

  it('lie beside other keys of the token, which stay as they are', async () => {
    plantSeal(1, [{ type: is.CKA_LABEL, value: 'somebody else’s' }])
    const keys = await create()
    const other = keep(await createKeystore({ ...spec, keyLabel: 'vault2' }, 'a'))
    expect(other.identity).not.toEqual(keys.identity)
    await keys.addEpoch()
    await keys.destroyEpoch(1)
    expect([await keys.epochs(), await other.epochs()]).toEqual([[2], [1]])
    insideToken(spec, ({ one }) => one(is.CKO_SECRET_KEY, 'somebody else’s'))
    await expect(open({ ...spec, keyLabel: 'vault/seal' })).rejects.toThrow(KeystoreWrong)
  })

  it.each([
    ['writes its own where ours stood', 'writes-nonce'],
    ['appends its own to the result', 'appends-nonce'],
  ])('open what they sealed when the token %s as nonce', async (_, order) => {
    const at = odd.token()
    odd.order(order)
    const keys = await create(at)
    const [plain, bound] = [randomBytes(100), randomBytes(10)]
    const sealed = await keys.seal(1, plain, bound)
    odd.order()
    expect(Buffer.from(await keys.open(1, sealed, bound))).toEqual(plain)
    expect(odd.calls('C_EncryptInit')).toBeGreaterThan(1)
  })

  it('are not used when the token hides its nonces: nothing would open again', async () => {
    const at = odd.token()
    odd.order('hides-nonce')
    await expect(create(at)).rejects.toThrow(KeystoreUnavailable)
    odd.order()
    await open(at)
  })
})
