/** Registration tells nothing about a record that is there, and nobody can put himself or the past in its place. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import * as opaque from '@serenity-kit/opaque'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LoginStarted, RegisterStart, RegisterStarted } from '../../contract/vault.ts'
import { decodeRecord, decodeSecrets, sealBinding } from '../../vault/service/record.ts'
import { holdSecret } from '../../main/core/keys/secret.ts'
import { parseVaultAddress } from '../../main/core/vault/address.ts'
import { openLink } from '../../main/core/vault/link.ts'
import { openOwner } from '../../main/core/vault/owner.ts'
import { putRecord } from '../../main/core/vault/register.ts'
import { cheap, quickNetwork } from '../unit/vault-client/client.ts'
import {
  call,
  fingerprint,
  firstMessage,
  login,
  loginFinish,
  loginStart,
  type Owner,
  owner,
  ownerRequest,
  prepareRecord,
  readState,
  register,
  type Send,
  thirdMessage,
} from '../fixtures/vault/honest-client.ts'
import { guessOffline, type Transcript } from '../fixtures/vault/offline-guessing.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'

let vault: TestVault
let who: Owner
const password = 'plum-orbit-candle-93'
const guesses = [...Array.from({ length: 40 }, (_, at) => `guess ${at}`), password, 'hunter2']

beforeEach(async () => {
  vault = await openTestVault()
  who = owner()
  await register(vault.send, who, { password })
})
afterEach(async () => {
  await vault.close()
  removeVault(vault)
})

async function registrationAnswer(send: Send, me: { id: string }, request: string): Promise<string> {
  const path = `/v1/records/${me.id}/register/start`
  return RegisterStarted.parse(await call(send, { method: 'POST', path, body: JSON.stringify({ request }) })).response
}

/** The one login the attacker pays for, with a password of which he knows that it is wrong. */
async function paidLogin(): Promise<Transcript> {
  const started = LoginStarted.parse(await call(vault.send, loginStart(who, await firstMessage('paid for'))))
  const print = await fingerprint(vault.send)
  const { stretching } = started.receipt
  return { second: started.message, rid: who.id, fingerprint: print.toString('base64url'), stretching }
}

describe('registration as an oracle', () => {
  it('would give the password away, where one setup serves records and registrations: forty guesses for one charge', async () => {
    await opaque.ready
    const serverSetup = opaque.server.createSetup()
    const identifiers = { client: who.id, server: 'naive' }
    const keyStretching = { 'argon2id-custom': { memory: 8, iterations: 1, parallelism: 1 } } as const
    let charged = 0
    const naive = {
      register: (registrationRequest: string) =>
        opaque.server.createRegistrationResponse({ serverSetup, userIdentifier: who.id, registrationRequest }),
      login: (startLoginRequest: string, registrationRecord: string) => {
        charged += 1
        return opaque.server.startLogin({
          serverSetup,
          userIdentifier: who.id,
          registrationRecord,
          startLoginRequest,
          identifiers,
        })
      },
    }
    const begun = opaque.client.startRegistration({ password })
    const { registrationRecord } = opaque.client.finishRegistration({
      password,
      clientRegistrationState: begun.clientRegistrationState,
      registrationResponse: naive.register(begun.registrationRequest).registrationResponse,
      identifiers,
      keyStretching,
    })

    const { loginResponse } = naive.login((await firstMessage('paid for')).first, registrationRecord)
    const stretching = { memory: 8, passes: 1, parallelism: 1 } as const
    const transcript = { second: loginResponse, rid: who.id, fingerprint: 'naive', stretching }
    const oracle = (request: string) => Promise.resolve(naive.register(request).registrationResponse)
    expect(await guessOffline(oracle, transcript, guesses)).toBe(password)
    expect(await guessOffline(oracle, transcript, guesses.slice(0, 40))).toBeUndefined()
    expect(charged).toBe(1)
  })

  it('tells nothing here: every registration has a setup of its own', async () => {
    const transcript = await paidLogin()
    const oracle = (request: string) => registrationAnswer(vault.send, who, request)
    expect(await guessOffline(oracle, transcript, guesses)).toBeUndefined()
    // Nor does the same request twice get the same answer.
    const { registrationRequest } = opaque.client.startRegistration({ password })
    expect(await oracle(registrationRequest)).not.toBe(await oracle(registrationRequest))
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 9, counter: 2 })
  })

  it('would tell everything here as well, were the record’s own setup ever used: the attack is not at fault', async () => {
    const transcript = await paidLogin()
    const [row] = await vault.storage.rows(undefined, 1)
    const { record, sealEpoch, sealed } = decodeRecord(row?.bytes ?? Buffer.alloc(0))
    const { setup } = decodeSecrets(await vault.keystore.open(sealEpoch, sealed, sealBinding(record)))
    const leaking = (registrationRequest: string) =>
      Promise.resolve(
        opaque.server.createRegistrationResponse({
          serverSetup: setup.toString('base64url'),
          userIdentifier: who.id,
          registrationRequest,
        }).registrationResponse,
      )
    expect(await guessOffline(leaking, transcript, guesses)).toBe(password)
  })
})

describe('an old request', () => {
  const conflict = { status: 409, json: { code: 'conflict' } }

  it('to create or to delete does nothing to a record that was destroyed, or made anew since', async () => {
    const me = owner()
    const print = await fingerprint(vault.send)
    const create = await prepareRecord(vault.send, me, { password, generation: 0, vault: print })
    const path = `/v1/records/${me.id}`
    const remove = ownerRequest(me, print, { method: 'DELETE', path, generation: 1 })
    await call(vault.send, create)
    for (let guess = 1; guess <= 10; guess++) await login(vault.send, me, `wrong ${guess}`)
    expect(await vault.send(create)).toMatchObject(conflict)
    expect(await readState(vault.send, me)).toMatchObject({ state: 'destroyed', generation: 1 })
    await register(vault.send, me, { password: 'new', generation: 1 })
    for (const old of [create, remove]) expect(await vault.send(old)).toMatchObject(conflict)
    expect(await login(vault.send, me, 'new')).toHaveProperty('key')
  })

  it('to finish a login finds no record once it is deleted, with proof, whether the password was right or wrong', async () => {
    const print = await fingerprint(vault.send)
    const attempt = await firstMessage(password)
    const started = LoginStarted.parse(await call(vault.send, loginStart(who, attempt)))
    const third = thirdMessage(who, print, attempt, started)?.finishLoginRequest ?? ''
    await call(vault.send, ownerRequest(who, print, { method: 'DELETE', path: `/v1/records/${who.id}`, generation: 1 }))
    for (const message of [third, Buffer.alloc(64).toString('base64url')]) {
      const answer = await vault.send(loginFinish(who, started.ticket, message))
      expect(answer).toMatchObject({ status: 404, json: { code: 'no_record', statement: { state: 'deleted' } } })
    }
  })

  it('to delete that is held back stops serving after five minutes', async () => {
    const print = await fingerprint(vault.send)
    const path = `/v1/records/${who.id}`
    const remove = ownerRequest(who, print, { method: 'DELETE', path, generation: 1, time: vault.clock.now })
    vault.clock.now += 5 * 60_000 + 1
    expect(await vault.send(remove)).toMatchObject({ status: 401, json: { code: 'not_authorized' } })
  })
})

describe('somebody who is not the owner', () => {
  it('cannot take an id before its owner comes: he has no signature, and what he starts is kept nowhere', async () => {
    const me = owner()
    const squatter = { ...owner(), id: me.id, rid: me.rid }
    const print = await fingerprint(vault.send)
    const taken = await prepareRecord(vault.send, squatter, { password: 'mine', generation: 0, vault: print })
    expect(await vault.send(taken)).toMatchObject({ status: 401, json: { code: 'not_authorized' } })
    const withKey = { ...taken, headers: { ...taken.headers, 'coffer-owner': me.ownerKey.toString('base64url') } }
    expect(await vault.send(withKey)).toMatchObject({ status: 401, json: { code: 'not_authorized' } })
    expect(await vault.storage.rows(undefined, 10)).toHaveLength(1)
    await register(vault.send, me, { password })
    expect(await login(vault.send, me, password)).toHaveProperty('key')
  })

  it('cannot have the registration ticket of one record serve for another', async () => {
    const [mine, print] = [owner(), await fingerprint(vault.send)]
    const request = await prepareRecord(vault.send, who, { password: 'x', generation: 1, vault: print })
    const path = `/v1/records/${mine.id}`
    const moved = ownerRequest(mine, print, { method: 'PUT', path, generation: 0, body: request.body ?? '' })
    expect(await vault.send(moved)).toMatchObject({ status: 409, json: { code: 'conflict' } })
  })

  it('gains nothing by third messages that he holds back: each refill needs a guess that was right', async () => {
    const print = await fingerprint(vault.send)
    const held = []
    for (let at = 0; at < 4; at++) {
      const attempt = await firstMessage(password)
      const started = LoginStarted.parse(await call(vault.send, loginStart(who, attempt)))
      const third = thirdMessage(who, print, attempt, started)
      held.push(loginFinish(who, started.ticket, third?.finishLoginRequest ?? ''))
    }
    expect(await vault.send(held[0] ?? { method: 'GET', path: '/' })).toMatchObject({ status: 200 })
    for (let guess = 1; guess <= 9; guess++)
      await call(vault.send, loginStart(who, await firstMessage(`guess ${guess}`)))
    for (const late of held.slice(1)) expect(await vault.send(late)).toMatchObject({ status: 409 })
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 1 })
  })
})

describe('a relay', () => {
  let relay: Server
  /** What the client sent when it took the relay's answer for the vault's. */
  let finished: string[]
  /** Its own setup, for which it could try passwords for ever. */
  const lie = (body: string): string => {
    const { request } = RegisterStart.parse(JSON.parse(body))
    return opaque.server.createRegistrationResponse({
      serverSetup: opaque.server.createSetup(),
      userIdentifier: 'mine',
      registrationRequest: request,
    }).registrationResponse
  }

  async function handle(asked: IncomingMessage, lying: boolean): Promise<string> {
    const body = (await buffer(asked)).toString()
    // The client's are these.
    const method = asked.method as 'GET' | 'POST' | 'PUT'
    const ofOwner = Object.entries(asked.headers).filter(([name]) => name.startsWith('coffer-'))
    const headers = Object.fromEntries(ofOwner.map(([name, value]) => [name, String(value)]))
    if (method === 'PUT') finished.push(body)
    const { json } = await vault.send({ method, path: asked.url ?? '', headers, ...(body ? { body } : {}) })
    // The vault answers with objects.
    const said = json as Record<string, unknown>
    return JSON.stringify(lying && asked.url?.endsWith('register/start') ? { ...said, response: lie(body) } : said)
  }

  async function registerThroughRelay(lying: boolean): Promise<unknown> {
    finished = []
    relay = createServer((asked, answer) => {
      void handle(asked, lying).then((text) => answer.setHeader('content-type', 'application/json').end(text))
    })
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
    // It listens on a port.
    const { port } = relay.address() as AddressInfo
    const key = holdSecret(Buffer.from(who.key))
    const mine = openOwner(key)
    try {
      const link = await openLink({
        network: quickNetwork(),
        now: () => new Date(),
        address: parseVaultAddress(`http://127.0.0.1:${port}`),
        fingerprint: await fingerprint(vault.send),
        near: false,
      })
      const it = { password: Buffer.from(password), key, owner: mine, generation: 0, newest: null, known: [] }
      return await putRecord(link, it, cheap)
    } finally {
      mine.close()
      key.dispose()
      relay.close()
      relay.closeAllConnections()
    }
  }

  it('that registers itself in the vault’s place is found out before anything is made of the password', async () => {
    await expect(registerThroughRelay(true)).rejects.toMatchObject({
      code: 'vault_failed',
      detail: { reason: expect.stringContaining('not signed') },
    })
    expect(finished).toEqual([])
  })

  it('that only passes on is not in the way', async () => {
    expect(await registerThroughRelay(false)).toMatchObject({ state: 'active', generation: 1 })
    expect(finished).toHaveLength(1)
  })
})
