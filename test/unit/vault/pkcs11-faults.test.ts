import { randomBytes } from 'node:crypto'
import { renameSync } from 'node:fs'
import pkcs11js from 'pkcs11js'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Keystore, KeystoreUnavailable, KeystoreWrong, SealRefused } from '../../../vault/keystore/keystore.ts'
import { createKeystore, openKeystore } from '../../../vault/keystore/open-keystore.ts'
import type { Pkcs11Spec } from '../../../vault/keystore/pkcs11.ts'
import { insideToken, tokenProcesses } from './inside-token.ts'
import { oddToken } from './odd-token.ts'
import { startSoftHsm } from './softhsm.ts'

const softHsm = startSoftHsm()
const odd = oddToken(softHsm)
afterAll(() => softHsm.end())

const plain = randomBytes(100)
const bound = Buffer.from('bound')
let spec: Pkcs11Spec
let keys: Keystore
let sealed: Uint8Array
const opened: Keystore[] = []
beforeEach(async () => {
  odd.order()
  spec = { ...odd.token(), processes: 1, timeoutMs: 2000 }
  keys = await createKeystore(spec, 'a')
  opened.push(keys)
  sealed = await keys.seal(1, plain, bound)
})
afterEach(async () => {
  odd.order()
  for (const one of opened.splice(0)) await one.close()
  expect(tokenProcesses()).toEqual([])
})

const opens = async (by = keys) => expect(Buffer.from(await by.open(1, sealed, bound))).toEqual(plain)
const everything = (): [string, () => Promise<unknown>][] => [
  ['seal', () => keys.seal(1, plain, bound)],
  ['open', () => keys.open(1, sealed, bound)],
  ['sign', () => keys.sign(plain)],
  ['epochs', () => keys.epochs()],
  ['addEpoch', () => keys.addEpoch()],
  ['destroyEpoch', () => keys.destroyEpoch(5)],
  ['readAnchor', () => keys.readAnchor()],
  ['writeAnchor', () => keys.writeAnchor({ place: 1, hash: Buffer.alloc(32) })],
  ['ready', () => keys.ready()],
]
/** The keystore looks for the token again when it is asked, at growing intervals: until it has found it. */
const recovers = () => vi.waitFor(() => keys.ready(), { timeout: 30_000, interval: 20 })

const lost = [
  'CKR_DEVICE_REMOVED',
  'CKR_TOKEN_NOT_PRESENT',
  'CKR_SESSION_HANDLE_INVALID',
  'CKR_SESSION_CLOSED',
] as const
const others = [
  'CKR_USER_NOT_LOGGED_IN',
  'CKR_DEVICE_ERROR',
  'CKR_GENERAL_ERROR',
  'CKR_ENCRYPTED_DATA_INVALID',
] as const
const code = (name: (typeof lost | typeof others)[number]) => pkcs11js[name]

describe('a token that fails', () => {
  it.each([...lost, ...others])('once, with %s: nobody notices, for the session is made anew', async (name) => {
    for (const [what, attempt] of everything()) {
      if (what === 'addEpoch') continue
      odd.order(`fails ${code(name)} *`)
      await attempt().catch((error: unknown) => {
        throw new Error(`${what} after ${name}`, { cause: error })
      })
      expect(odd.isDone(), what).toBe(true)
    }
    await opens()
  })

  it('is not asked twice to make a key: two of one epoch would be worse than none', async () => {
    const made = odd.calls('C_GenerateKey')
    odd.order(`fails ${code('CKR_DEVICE_ERROR')} C_GenerateKey`)
    await expect(keys.addEpoch()).rejects.toThrow(KeystoreUnavailable)
    expect(odd.calls('C_GenerateKey')).toBe(made + 1)
    await recovers()
    expect(await keys.addEpoch()).toBe(2)
  })

  it.each(lost)('for good, with %s: everything is refused as unavailable, and works when it is back', async (name) => {
    odd.order(`fails ${code(name)} *:0`)
    for (const [what, attempt] of everything()) await expect(attempt(), what).rejects.toThrow(KeystoreUnavailable)
    odd.order()
    await recovers()
    await opens()
    expect(await keys.epochs()).toEqual([1])
  })

  it.each(['C_Decrypt', 'C_DecryptInit'])('at %s alone, is not taken for a false seal', async (name) => {
    for (const error of ['CKR_ENCRYPTED_DATA_INVALID', 'CKR_DEVICE_REMOVED', 'CKR_GENERAL_ERROR'] as const) {
      odd.order(`fails ${code(error)} ${name}:0`)
      await expect(keys.open(1, sealed, bound)).rejects.toThrow(KeystoreUnavailable)
      odd.order()
      await recovers()
      // Wherever in the course of judging a false seal the token goes: no verdict.
      const tampered = Buffer.from(sealed)
      tampered.writeUInt8(tampered.readUInt8(20) ^ 1, 20)
      const verdict = () => keys.open(1, tampered, bound).then(null, (refusal: unknown) => refusal)
      expect(await verdict()).toBeInstanceOf(SealRefused)
    }
    await opens()
  })

  it('is gone: its files are taken away and brought back', async () => {
    const away = `${softHsm.tokens}-away`
    renameSync(softHsm.tokens, away)
    try {
      for (const [what, attempt] of everything()) await expect(attempt(), what).rejects.toThrow(KeystoreUnavailable)
    } finally {
      renameSync(away, softHsm.tokens)
    }
    await recovers()
    await opens()
    expect(await keys.epochs()).toEqual([1])
  })

  it('hangs: the call is given up in time, the others go on in another process', async () => {
    const patient = await openKeystore({ ...spec, processes: 2 }, 'b')
    opened.push(patient)
    odd.order('hangs C_Sign')
    const hanging = keys.sign(plain)
    await opens(patient)
    await expect(hanging).rejects.toThrow(KeystoreUnavailable)
    odd.order()
    await recovers()
    expect(await keys.sign(plain)).toHaveLength(64)
  })

  it('has its processes killed or stopped: the next call has new ones', async () => {
    for (const signal of ['SIGKILL', 'SIGSEGV', 'SIGTERM'] as const) {
      const [pid, another] = tokenProcesses()
      expect(another).toBeUndefined()
      process.kill(pid ?? Number.NaN, signal)
      await opens()
      expect(tokenProcesses()).not.toContain(pid)
    }
    const [stopped] = tokenProcesses()
    process.kill(stopped ?? Number.NaN, 'SIGSTOP')
    await Promise.allSettled([keys.sign(plain), keys.sign(plain)])
    await recovers()
    await opens()
    expect(tokenProcesses()).not.toContain(stopped)
  })
})

describe('the PIN', () => {
  it('is tried once when it is wrong', async () => {
    const tried = odd.calls('C_Login')
    const attempt = await openKeystore({ ...spec, pin: '654321' }, 'a').catch((error: unknown) => error)
    expect(attempt).toBeInstanceOf(KeystoreWrong)
    expect(String(attempt)).toContain('refused the PIN (CKR_PIN_INCORRECT). It was tried once.')
    expect(String(attempt)).not.toContain('654321')
    expect(odd.calls('C_Login')).toBe(tried + 1)
  })

  it('is not tried again and again when it was changed behind the vault’s back, however often the vault is asked', async () => {
    insideToken({ ...spec, module: process.env['COFFER_ODD_REAL'] ?? '' }, ({ token, session }) => {
      token.C_SetPIN(session, spec.pin, '111111')
    })
    const tried = odd.calls('C_Login')
    odd.order(`fails ${code('CKR_DEVICE_REMOVED')} C_Sign:2`)
    for (let count = 0; count < 20; count++) await expect(keys.sign(plain)).rejects.toThrow(KeystoreUnavailable)
    // SoftHSM takes the old one once more for a new session of the same process; the next process's is refused.
    expect(odd.calls('C_Login')).toBe(tried + 2)
  })

  it('that a new session is refused with is not tried by any other, even when it would do again', async () => {
    const tried = odd.calls('C_Login')
    odd.order(`fails ${pkcs11js.CKR_PIN_INCORRECT} C_SignInit,C_Login:0`)
    for (let count = 0; count < 10; count++) await expect(keys.sign(plain)).rejects.toThrow(/refused the PIN/)
    expect(odd.calls('C_Login')).toBe(tried + 1)
    odd.order()
    await expect(keys.ready()).rejects.toThrow(KeystoreUnavailable)
    expect(odd.calls('C_Login')).toBe(tried + 1)
    // It takes an operator, who restarts the node.
    opened.push(await openKeystore(spec, 'a'))
    expect(odd.calls('C_Login')).toBe(tried + 2)
  })

  it('of a token that is not there is not tried anywhere else', async () => {
    const tried = odd.calls('C_Login')
    const attempt = openKeystore({ ...spec, tokenLabel: 'none' }, 'a')
    await expect(attempt).rejects.toThrow(KeystoreUnavailable)
    await expect(attempt).rejects.toThrow(spec.tokenLabel)
    expect(odd.calls('C_Login')).toBe(tried)
  })
})

describe('a token that cannot be reached', () => {
  it('for want of its library, is an operator’s to put right', async () => {
    const attempt = openKeystore({ ...spec, module: '/nowhere/lib.so' }, 'a')
    await expect(attempt).rejects.toThrow(KeystoreWrong)
    await expect(attempt).rejects.toThrow('/nowhere/lib.so')
  })

  it('for want of pkcs11js, says what to install', async () => {
    const hooks = `import { registerHooks } from 'node:module'
      registerHooks({ resolve: (name, context, next) => next(name === 'pkcs11js' ? 'no-such-package' : name, context) })`
    vi.stubEnv('NODE_OPTIONS', `--import=data:text/javascript,${encodeURIComponent(hooks)}`)
    try {
      const attempt = openKeystore(spec, 'a')
      await expect(attempt).rejects.toThrow(KeystoreWrong)
      await expect(attempt).rejects.toThrow(/pkcs11js is not installed.*npm rebuild pkcs11js/)
    } finally {
      vi.unstubAllEnvs()
    }
  })
})
