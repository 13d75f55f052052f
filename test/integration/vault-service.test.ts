/** The vault over its HTTP interface, with real storage, keystore and OPAQUE. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  call,
  fingerprint,
  firstMessage,
  login,
  loginFinish,
  loginStart,
  newestOf,
  owner,
  ownerRequest,
  prepareRecord,
  readState,
  register,
  thirdMessage,
} from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'
import { LoginStarted } from '../../contract/vault.ts'
import { usualWaits } from '../../vault/service/charge.ts'

let vault: TestVault
beforeEach(async () => {
  vault = await openTestVault()
})
afterEach(async () => {
  await vault.close()
  removeVault(vault)
})

describe('a record', () => {
  it('gives the key to the right password, and to no other', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'right' })
    const wrong = await login(vault.send, who, 'wrong')
    expect(wrong).toMatchObject({ wrong: true, attemptsLeft: 9 })
    const right = await login(vault.send, who, 'right')
    expect('key' in right && right.key.equals(who.key)).toBe(true)
  })

  it('is destroyed by the tenth wrong password, and stays destroyed', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'right' })
    for (let guess = 1; guess <= 10; guess++) {
      const it = await login(vault.send, who, `wrong ${guess}`)
      expect(it).toMatchObject({ wrong: true, attemptsLeft: 10 - guess })
    }
    await expect(login(vault.send, who, 'right')).rejects.toMatchObject({
      status: 410,
      refusal: { code: 'destroyed', statement: { state: 'destroyed' } },
    })
    expect(vault.evaluations.get(who.id)).toBe(10)
  })

  it('has all ten guesses again after a success', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'right' })
    for (let guess = 1; guess <= 9; guess++) await login(vault.send, who, `wrong ${guess}`)
    const right = await login(vault.send, who, 'right')
    expect(right).toMatchObject({ finished: { statement: { attemptsLeft: 10 } } })
  })

  it('opens with the new password alone after it was changed, and keeps its key', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'old' })
    await register(vault.send, who, { password: 'new', generation: 1 })
    expect(await login(vault.send, who, 'old')).toMatchObject({ wrong: true })
    const it = await login(vault.send, who, 'new')
    expect('key' in it && it.key.equals(who.key)).toBe(true)
  })
})

describe('an attempt', () => {
  it('is charged when it is asked, whether or not its answer is read', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'right' })
    await call(vault.send, loginStart(who, await firstMessage('guess')))
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 9 })
  })

  it('is answered again for the same first message, a hundred times for one charge', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'right' })
    const attempt = await firstMessage('right')
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        call(vault.send, loginStart(who, attempt)).then((it) => LoginStarted.parse(it)),
      ),
    )
    expect(new Set(answers.map(({ receipt }) => JSON.stringify(receipt))).size).toBe(1)
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 9 })
    expect(vault.evaluations.get(who.id)).toBe(1)
  })

  it('of a hundred at once, exactly ten are evaluated', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'right' })
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, async (_, guess) =>
        vault.send(loginStart(who, await firstMessage(`guess ${guess}`))),
      ),
    )
    expect(outcomes.filter(({ status }) => status === 200)).toHaveLength(10)
    expect(vault.evaluations.get(who.id)).toBe(10)
  })

  it('cannot be finished after a later success: held back third messages are worth nothing', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'right' })
    const print = await fingerprint(vault.send)
    const held = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const attempt = await firstMessage('right')
        const started = LoginStarted.parse(await call(vault.send, loginStart(who, attempt)))
        const third = thirdMessage(who, print, attempt, started)
        if (!third) throw new Error('the right password was taken for a wrong one')
        return loginFinish(who, started.ticket, third.finishLoginRequest)
      }),
    )
    await login(vault.send, who, 'right')
    await login(vault.send, who, 'wrong')
    for (const request of held)
      expect(await vault.send(request)).toMatchObject({ status: 409, json: { code: 'conflict' } })
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 9 })
  })

  it('whose answer was lost is finished again with the same third message, and refills once', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'right' })
    const print = await fingerprint(vault.send)
    const attempt = await firstMessage('right')
    const started = LoginStarted.parse(await call(vault.send, loginStart(who, attempt)))
    const third = thirdMessage(who, print, attempt, started)
    const request = loginFinish(who, started.ticket, third?.finishLoginRequest ?? '')
    expect(await vault.send(request)).toMatchObject({ status: 200 })
    await login(vault.send, who, 'wrong')
    expect(await vault.send(request)).toMatchObject({ status: 200 })
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 9 })
  })

  it('may still be finished when it was the last, and saves the record', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'right' })
    for (let guess = 1; guess <= 9; guess++) await login(vault.send, who, `wrong ${guess}`)
    const print = await fingerprint(vault.send)
    const attempt = await firstMessage('right')
    const started = LoginStarted.parse(await call(vault.send, loginStart(who, attempt)))
    expect(await readState(vault.send, who)).toMatchObject({ state: 'exhausted', attemptsLeft: 0 })
    expect(await vault.send(loginStart(who, await firstMessage('another')))).toMatchObject({
      status: 429,
      json: { code: 'rate_limited', statement: { state: 'exhausted' } },
    })
    const third = thirdMessage(who, print, attempt, started)
    await call(vault.send, loginFinish(who, started.ticket, third?.finishLoginRequest ?? ''))
    expect(await readState(vault.send, who)).toMatchObject({ state: 'active', attemptsLeft: 10 })
  })

  it('that was the last and never finished destroys the record when its ticket expires', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'right' })
    for (let guess = 1; guess <= 10; guess++) await call(vault.send, loginStart(who, await firstMessage(`g ${guess}`)))
    vault.clock.now += 120_001
    expect(await vault.node.sweep()).toBe(1)
    expect(await readState(vault.send, who, vault.clock.now)).toMatchObject({ state: 'destroyed' })
  })

  it('has to wait after the fifth failure, longer each time', async () => {
    await vault.close()
    vault = await openTestVault({ waits: usualWaits })
    const who = owner()
    await register(vault.send, who, { password: 'right' })
    for (let guess = 1; guess <= 5; guess++) await login(vault.send, who, `wrong ${guess}`)
    for (const wait of usualWaits) {
      await expect(login(vault.send, who, 'right')).rejects.toMatchObject({
        refusal: { code: 'rate_limited', retryAfter: wait, charged: false },
      })
      vault.clock.now += wait
      await call(vault.send, loginStart(who, await firstMessage('guess')))
    }
  })

  it('has to wait after each later failure too, where the operator gave one wait for all', async () => {
    await vault.close()
    vault = await openTestVault({ waits: [60_000] })
    const who = owner()
    await register(vault.send, who, { password: 'right' })
    for (let guess = 1; guess <= 5; guess++) await login(vault.send, who, `wrong ${guess}`)
    for (let guess = 6; guess <= 9; guess++) {
      await expect(login(vault.send, who, 'right')).rejects.toMatchObject({ refusal: { retryAfter: 60_000 } })
      vault.clock.now += 60_000
      await call(vault.send, loginStart(who, await firstMessage('guess')))
    }
  })
})

describe('an owner', () => {
  it('creates once: a second creation is a conflict, the same request again is not', async () => {
    const who = owner()
    const print = await fingerprint(vault.send)
    const request = await prepareRecord(vault.send, who, { password: 'a', generation: 0, vault: print })
    const other = await prepareRecord(vault.send, who, { password: 'b', generation: 0, vault: print })
    expect(await vault.send(request)).toMatchObject({ status: 200, json: { receipt: { kind: 'created' } } })
    expect(await vault.send(request)).toMatchObject({ status: 200, json: { receipt: null } })
    expect(await vault.send(other)).toMatchObject({ status: 409, json: { code: 'conflict' } })
    expect(await login(vault.send, who, 'a')).toHaveProperty('key')
  })

  it('deletes, and no old request brings the record back', async () => {
    const who = owner()
    const print = await fingerprint(vault.send)
    const create = await prepareRecord(vault.send, who, { password: 'a', generation: 0, vault: print })
    await call(vault.send, create)
    const path = `/v1/records/${who.id}`
    const remove = ownerRequest(who, print, { method: 'DELETE', path, generation: 1 })
    expect(await vault.send(remove)).toMatchObject({ status: 200, json: { statement: { state: 'deleted' } } })
    expect(await vault.send(remove)).toMatchObject({ status: 200 })
    expect(await vault.send(create)).toMatchObject({ status: 409 })
    await expect(login(vault.send, who, 'a')).rejects.toMatchObject({ refusal: { code: 'no_record' } })
    await register(vault.send, who, { password: 'c', generation: 1 })
    expect(await vault.send(remove)).toMatchObject({ status: 409 })
    expect(await login(vault.send, who, 'c')).toHaveProperty('key')
  })

  it('moves the newest backup forward only', async () => {
    const who = owner()
    await register(vault.send, who, { password: 'a' })
    const print = await fingerprint(vault.send)
    const path = `/v1/records/${who.id}/newest`
    const put = (number: number) =>
      vault.send(
        ownerRequest(who, print, { method: 'PUT', path, generation: 1, body: JSON.stringify(newestOf(who, number)) }),
      )
    expect(await put(5)).toMatchObject({ status: 200 })
    expect(await put(4)).toMatchObject({ status: 409 })
    expect(await put(6)).toMatchObject({ status: 200, json: { statement: { newest: { number: 6 } } } })
  })

  it('is nobody else: a signature of another key, for another vault or another body is refused', async () => {
    const who = owner()
    const print = await fingerprint(vault.send)
    const request = await prepareRecord(vault.send, who, { password: 'a', generation: 0, vault: print })
    const thief = owner()
    const squat = await prepareRecord(
      vault.send,
      { ...thief, id: who.id, rid: who.rid },
      { password: 'x', generation: 0, vault: print },
    )
    const refused = { status: 401, json: { code: 'not_authorized' } }
    expect(await vault.send(squat)).toMatchObject(refused)
    expect(await vault.send({ ...request, body: request.body?.replace('}', ' }') ?? '' })).toMatchObject(refused)
    const elsewhere = await prepareRecord(vault.send, who, { password: 'a', generation: 0, vault: Buffer.alloc(32) })
    expect(await vault.send(elsewhere)).toMatchObject(refused)
    expect(await vault.send(request)).toMatchObject({ status: 200 })
  })
})
