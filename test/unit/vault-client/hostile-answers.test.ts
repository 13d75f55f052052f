import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CofferError } from '../../../contract/errors.ts'
import { Info } from '../../../contract/vault.ts'
import { parseVaultAddress } from '../../../main/core/vault/address.ts'
import { ask, type Question, type Reached } from '../../../main/core/vault/exchange.ts'
import * as bodies from './bodies.ts'
import type { Reach } from '../../../main/core/vault/reach.ts'
import { guardedLookup, type SystemLookup } from '../../../main/core/vault/send-request.ts'
import { quickNetwork } from './client.ts'
import { type Bend, type HostileVault, startHostileVault } from './hostile-vault.ts'
import { failureOf } from './thrown.ts'

let vault: HostileVault
beforeAll(async () => (vault = await startHostileVault()))
beforeEach(() => vault.restore())
afterAll(() => vault.close())

const reached = (changes: Partial<Reached> = {}): Reached => ({
  network: quickNetwork(300),
  address: parseVaultAddress(vault.origin),
  near: false,
  ...changes,
})
const info: Question = { method: 'GET', path: '/v1/info' }
async function failing(bend: Bend, question: Question = info): Promise<CofferError> {
  vault.bend('info', bend)
  const error = await failureOf(ask(reached(), question, Info))
  if (error instanceof CofferError) return error
  throw error
}

describe('an answer that is none', () => {
  it.each([
    ['does not end', bodies.endless, /does not end/],
    ['sends elsewhere', bodies.redirect, /redirect/],
    ['is a web page', bodies.page, /not JSON/],
    ['is packed', bodies.packed, /packed/],
    ['is no text', bodies.notUtf8, /not JSON/],
    ['is of another protocol', bodies.notHttp, /HTTP/],
    ['has fields of its own', bodies.otherFields, /form/],
    ['is empty', bodies.emptyObject, /form/],
    ['has an odd status', bodies.oddStatus, /form/],
    ['refuses with a status that is another refusal’s', bodies.wrongRefusal, /form/],
    ['refuses in a way nobody knows', bodies.unknownRefusal, /form/],
  ] as const)('that %s is refused at once, and not asked for again', async (_, bend, reason) => {
    const error = await failing(bend)
    expect(error).toMatchObject({ code: 'vault_failed' })
    expect(error.detail['reason']).toMatch(reason)
    expect(vault.asked).toEqual(['info'])
  })

  it.each([
    ['comes a byte at a time', bodies.slow, /in time/],
    ['never comes', bodies.silent, /in time/],
    ['is cut off', bodies.cutOff, /broke off|cut off/],
    ['is lost with its connection', () => 'drop' as const, /broke off/],
    ['is somebody’s who stands before the vault', bodies.gatewayError, /502/],
  ] as const)('that %s is asked for three times in all, and then given up', async (_, bend, reason) => {
    const error = await failing(bend)
    expect(error).toMatchObject({ code: 'vault_unreachable' })
    expect(error.detail['reason']).toMatch(reason)
    expect(vault.asked).toEqual(['info', 'info', 'info'])
  })

  it('leaves no doubt about guesses: none is gone if nothing was sent, one may be if something was', async () => {
    const guess: Question = { ...info, costs: 'guess' }
    expect((await failing(bodies.silent, guess)).detail).toMatchObject({ charged: true })
    const nobody = reached({ address: parseVaultAddress('http://127.0.0.1:1') })
    expect(await failureOf(ask(nobody, guess, Info))).toMatchObject({
      code: 'vault_unreachable',
      detail: { charged: false, reason: 'Nothing answers at this address.' },
    })
  })

  it('is asked for with the very same bytes', async () => {
    vault.loseAnswers('info', 2)
    const body = Buffer.from('{"x":1}')
    await ask(reached(), { ...info, headers: { 'coffer-request': 'abc' }, body }, Info)
    const sent = vault.received().split('GET /v1/info\n').slice(-3)
    expect(new Set(sent).size).toBe(1)
    expect(sent[0]).toContain('"coffer-request":"abc"')
    expect(vault.asked).toEqual(['info', 'info', 'info'])
  })

  it('is waited for no longer once the person has cancelled', async () => {
    vault.bend('info', bodies.silent)
    const stop = new AbortController()
    const asking = ask(reached({ network: quickNetwork(60_000), signal: stop.signal }), info, Info)
    stop.abort(new CofferError('cancelled'))
    expect(await failureOf(asking)).toMatchObject({ code: 'cancelled' })
  })
})

describe('a name that leads into this computer’s own network', () => {
  /** What the system would find under any name. */
  const leadingTo =
    (...addresses: string[]): SystemLookup =>
    (_, __, done) =>
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      )
  const found = (named: Reach, near: boolean, lookup: SystemLookup): Promise<unknown> =>
    new Promise((resolve) =>
      guardedLookup(named, near, lookup)('a.name', { all: true }, (error, all) => resolve(error ?? all)),
    )

  it('is not followed unless the person or this computer knows the vault', async () => {
    for (const address of ['10.0.0.1', '127.0.0.1', '::1', '192.168.1.1', 'fd00::1'])
      for (const lookup of [leadingTo(address), leadingTo('203.0.113.1', address)]) {
        expect(await found('public', false, lookup), address).toMatchObject({ code: 'vault_not_confirmed' })
        expect(await found('public', true, lookup), address).toBeInstanceOf(Array)
      }
    expect(await found('public', false, leadingTo('203.0.113.1', '2001:db8::1'))).toHaveLength(2)
  })

  it('is never followed away from this computer when it is this computer’s own', async () => {
    expect(await found('loopback', true, leadingTo('127.0.0.1', '::1'))).toHaveLength(2)
    for (const address of ['10.0.0.1', '203.0.113.1'])
      expect(await found('loopback', true, leadingTo(address))).toMatchObject({ code: 'vault_not_confirmed' })
  })
})
