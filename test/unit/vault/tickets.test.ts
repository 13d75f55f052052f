import fc from 'fast-check'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fields } from '../../../contract/vault-preimages.ts'
import { maxTicket } from '../../../contract/vault-limits.ts'
import type { Keystore } from '../../../vault/keystore/keystore.ts'
import { createKeystore } from '../../../vault/keystore/open-keystore.ts'
import { FieldReader } from '../../../vault/service/field-reader.ts'
import { Refused } from '../../../vault/service/refused.ts'
import { Tickets } from '../../../vault/service/tickets.ts'

let folder: string
let keystore: Keystore
let tickets: Tickets
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-tickets-'))
  keystore = await createKeystore({ kind: 'software', file: join(folder, 'keys'), anchorFolder: folder }, 'one')
  tickets = new Tickets(keystore, () => 1)
})
afterAll(async () => {
  await keystore.close()
  rmSync(folder, { recursive: true })
})

const rid = randomBytes(32)
const facts = { generation: 3, epoch: 5, attempt: 2, message: randomBytes(32), expiresAt: 1_800_000_000_000 }
const serverState = randomBytes(192).toString('base64url')
const registration = { expiresAt: 1_800_000_000_000, counter: 4, setup: randomBytes(128) }

async function expectRefused(opening: Promise<unknown>): Promise<void> {
  const error = await opening.catch((error: unknown) => error)
  expect(error).toBeInstanceOf(Refused)
  expect(error).toMatchObject({ code: 'conflict' })
}

describe('a ticket', () => {
  it('gives back what it was given, and is no longer than what a client may be sent', async () => {
    const login = await tickets.giveLogin(rid, { facts, serverState })
    expect(await tickets.openLogin(rid, login)).toEqual({ facts, serverState })
    const start = await tickets.giveRegistration(rid, registration)
    expect(await tickets.openRegistration(rid, start)).toEqual(registration)
    for (const it of [login, start]) expect(it.length).toBeLessThanOrEqual(Math.ceil((maxTicket * 4) / 3))
  })

  it('shows nothing of the state in it: that holds the session key and the third message in clear', async () => {
    const login = Buffer.from(await tickets.giveLogin(rid, { facts, serverState }), 'base64url')
    const start = Buffer.from(await tickets.giveRegistration(rid, registration), 'base64url')
    for (let at = 0; at + 8 <= 128; at += 8) {
      expect(start.includes(registration.setup.subarray(at, at + 8))).toBe(false)
      expect(login.includes(serverState.slice(at, at + 8))).toBe(false)
    }
  })

  it('serves no other record and no other purpose', async () => {
    const login = await tickets.giveLogin(rid, { facts, serverState })
    const start = await tickets.giveRegistration(rid, registration)
    await expectRefused(tickets.openLogin(randomBytes(32), login))
    await expectRefused(tickets.openRegistration(randomBytes(32), start))
    await expectRefused(tickets.openLogin(rid, start))
    await expectRefused(tickets.openRegistration(rid, login))
  })

  it('is refused when anything that it says openly is changed: attempt, epoch, generation, message or time', async () => {
    const reader = new FieldReader(Buffer.from(await tickets.giveLogin(rid, { facts, serverState }), 'base64url'))
    const numbers = [reader.number(), reader.number(), reader.number(), reader.number()]
    const [message, expiresAt, sealed] = [reader.bytes(), reader.number(), reader.bytes()]
    const spell = (...values: (number | Uint8Array)[]) => Buffer.from(fields(...values)).toString('base64url')
    expect(await tickets.openLogin(rid, spell(...numbers, message, expiresAt, sealed))).toMatchObject({ facts })
    for (let at = 0; at < numbers.length; at++)
      for (const other of [0, 1, 2, 7, 2 ** 40])
        if (other !== numbers[at])
          await expectRefused(tickets.openLogin(rid, spell(...numbers.with(at, other), message, expiresAt, sealed)))
    await expectRefused(tickets.openLogin(rid, spell(...numbers, randomBytes(32), expiresAt, sealed)))
    await expectRefused(tickets.openLogin(rid, spell(...numbers, message, expiresAt + 1, sealed)))
  })

  it('is refused when any one of its bytes is another, and whatever else is brought in its place', async () => {
    const ticket = Buffer.from(await tickets.giveLogin(rid, { facts, serverState }), 'base64url')
    for (let at = 0; at < ticket.length; at++) {
      const other = Buffer.from(ticket)
      other[at] = (other[at] ?? 0) ^ (1 << (at % 8))
      await expectRefused(tickets.openLogin(rid, other.toString('base64url')))
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.boolean(), async (noise, begun) => {
        const bytes = begun ? Buffer.concat([fields(1, 2, 3), noise]) : Buffer.from(noise)
        await expectRefused(tickets.openLogin(rid, bytes.toString('base64url')))
        await expectRefused(tickets.openRegistration(rid, bytes.toString('base64url')))
      }),
      { numRuns: 300 },
    )
  })

  it('under a key that this node has not used yet serves all the same, and under a destroyed one no more', async () => {
    const other = new Tickets(keystore, () => 2)
    expect(await keystore.addEpoch()).toBe(2)
    const old = await tickets.giveLogin(rid, { facts, serverState })
    const login = await other.giveLogin(rid, { facts, serverState })
    expect(await tickets.openLogin(rid, login)).toEqual({ facts, serverState })
    await keystore.destroyEpoch(1)
    await expectRefused(other.openLogin(rid, old))
    expect(await other.openLogin(rid, login)).toEqual({ facts, serverState })
  })
})
