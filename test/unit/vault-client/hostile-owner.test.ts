import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Newest, Receipts, RegisterStarted, Statement } from '../../../contract/vault.ts'
import { makeSecret } from '../../../main/core/keys/secret.ts'
import { openOwner, signNewest } from '../../../main/core/vault/owner.ts'
import { deleteRecord, readRecord, tellNewest } from '../../../main/core/vault/record.ts'
import { altered, askedFor, refusal, resigned } from './bending.ts'
import { goodPassword, linkTo, otherPassword, register, tryPassword } from './client.ts'
import { type Bend, type HostileVault, startHostileVault } from './hostile-vault.ts'
import { failureOf } from './thrown.ts'
import { VaultModel } from './vault-model.ts'

let vault: HostileVault
const key = makeSecret()
const [stranger, owner, other] = [new VaultModel(), openOwner(key), openOwner(makeSecret())]
beforeAll(async () => {
  vault = await startHostileVault()
  await register(vault, key)
  vault.remember()
})
beforeEach(() => vault.restore())
afterAll(() => vault.close())

type Stated = { statement: Statement }
const saying = (change: Partial<Statement>): Bend =>
  altered<Stated>(({ statement }) => ({ statement: vault.model.statement(owner.rid, askedFor(statement), change) }))
const byStranger: Bend = altered<Stated>(({ statement }) => ({
  statement: stranger.statement(owner.rid, askedFor(statement)),
}))
const toAnother: Bend = altered<Stated>(() => ({ statement: vault.model.statement(owner.rid, Buffer.alloc(32)) }))

describe('registering at a vault that lies', () => {
  const replacing = () => register(vault, key, { generation: 1, password: otherPassword })

  it.each<[string, Bend]>([
    ['signed by nobody', altered<RegisterStarted>(({ expiresAt }) => ({ expiresAt: expiresAt + 1 }))],
    ['with another ticket than it signed', altered<RegisterStarted>(() => ({ ticket: 'AAAA' }))],
    ['of a relay that registered itself', ({ asked }) => stranger.answer(asked)],
  ])('stops before anything is made of the password with an answer %s', async (_, bend) => {
    vault.bend('register', bend)
    expect(await failureOf(replacing())).toMatchObject({
      code: 'vault_failed',
      detail: { reason: expect.stringMatching(/not signed/) },
    })
    expect(vault.asked).toEqual(['info', 'register'])
    await tryPassword(vault, owner.rid, goodPassword)
  })

  it('is refused when what it answers is no message of OPAQUE, though it signed that', async () => {
    vault.bend('register', ({ told, asked }) => {
      const { ticket, expiresAt } = told.json as unknown as RegisterStarted
      const { request } = JSON.parse(asked.body) as { request: string }
      const response = Buffer.alloc(64, 255).toString('base64url')
      return {
        ...told,
        json: {
          ...told.json,
          response,
          signature: vault.model.signRegistration({ rid: owner.record, request, response, ticket, expiresAt }),
        },
      }
    })
    expect(await failureOf(replacing())).toMatchObject({
      code: 'vault_failed',
      detail: { reason: expect.stringMatching(/OPAQUE/) },
    })
  })

  it.each<[string, Bend]>([
    ['and another vault signs', byStranger],
    ['in answer to another request', toAnother],
    ['and shows the generation before', saying({ generation: 1 })],
    ['and shows a generation of somebody else’s', saying({ generation: 3 })],
    ['and shows a record that is destroyed', saying({ state: 'destroyed' })],
  ])('does not believe that it is stored %s', async (_, bend) => {
    vault.bend('put', bend)
    expect(await failureOf(replacing())).toMatchObject({ code: 'vault_failed' })
  })

  it('never takes a record that is there for its own', async () => {
    expect(await failureOf(register(vault, key))).toMatchObject({ code: 'record_changed' })
    await tryPassword(vault, owner.rid, goodPassword)
  })

  it('refuses weak passwords before the vault hears of anything', async () => {
    for (const [password, code] of [
      ['hunter2', 'password_weak'],
      ['', 'password_unusable'],
    ] as const)
      expect(await failureOf(register(vault, key, { password: Buffer.from(password) }))).toMatchObject({ code })
    expect(vault.asked).toEqual(['info', 'info'])
  })

  it('passes the invite on, and says when one is needed', async () => {
    vault.model.invite = 'only-friends'
    try {
      const fresh = makeSecret()
      expect(await failureOf(register(vault, fresh))).toMatchObject({ code: 'invite_needed' })
      expect(await failureOf(register(vault, fresh, { invite: 'guessed' }))).toMatchObject({ code: 'invite_needed' })
      await register(vault, fresh, { invite: 'only-friends' })
    } finally {
      vault.model.invite = undefined
    }
  })
})

describe('what a vault tells the owner', () => {
  const reading = async () => await readRecord(await linkTo(vault), owner)

  it.each<[string, Bend, RegExp]>([
    ['a statement of another vault’s', byStranger, /not signed/],
    ['an answer to another question', toAnother, /another question/],
    ['the statement of another record', saying({ rid: other.rid }), /another record/],
    ['a record older than its receipts', saying({ counter: 0 }), /newer than its record/],
    ['an absence that nobody signed', refusal(404, { code: 'no_record' }), /does not sign/],
  ])('is not believed when it is %s', async (_, bend, reason) => {
    vault.bend('receipts', bend)
    expect(await failureOf(reading())).toMatchObject({
      code: 'vault_failed',
      detail: { reason: expect.stringMatching(reason) },
    })
  })

  it('is not believed when receipts are in another order, missing in between, or run backwards', async () => {
    await tryPassword(vault, owner.rid)
    await tryPassword(vault, owner.rid)
    const { receipts } = await reading()
    expect(receipts.map(({ kind }) => kind)).toEqual(['created', 'tried', 'opened', 'tried', 'opened'])
    const changes: ((it: Receipts) => Partial<Receipts>)[] = [
      ({ receipts }) => ({ receipts: receipts.toReversed() }),
      ...receipts.slice(1, -1).map((_, i) => ({ receipts }: Receipts) => ({ receipts: receipts.toSpliced(i + 1, 1) })),
      ...receipts.slice(1).map((_, i) => ({ receipts }: Receipts) => {
        const swapped = [...receipts]
        const [a, b] = [receipts[i], receipts[i + 1]]
        if (a && b) swapped.splice(i, 2, b, a)
        return { receipts: swapped }
      }),
      ({ receipts }) => ({
        receipts: receipts.map((it, i) => (i === 3 ? resigned(vault.model, it, { at: it.at + 1 }) : it)),
      }),
      ({ receipts }) => ({
        receipts: receipts.map((it, i) => (i === 4 ? resigned(vault.model, it, { counter: 0 }) : it)),
      }),
      ({ receipts }) => ({ receipts: receipts.map((it) => ({ ...it, kind: 'deleted' as const })) }),
    ]
    for (const [i, change] of changes.entries()) {
      vault.bend('receipts', altered(change))
      expect(await failureOf(reading()), `change ${i}`).toMatchObject({ code: 'vault_failed' })
    }
  })

  it('says with proof that there is nothing, and that is an answer', async () => {
    expect(await readRecord(await linkTo(vault), other)).toMatchObject({ statement: { state: 'none' }, receipts: [] })
  })

  it('names the clock when that is why it refuses', async () => {
    vault.bend(
      'info',
      altered<{ now: number }>(({ now }) => ({ now: now - 3_600_000 })),
    )
    vault.bend('receipts', refusal(401, { code: 'not_authorized' }))
    expect(await failureOf(reading())).toMatchObject({
      code: 'vault_refused',
      detail: { reason: 'This computer’s clock is 60 minutes ahead of the vault’s.' },
    })
  })
})

describe('what the owner tells a vault', () => {
  const newest = (seq: number): Newest => signNewest(owner, { seq, identity: seq.toString(16).padStart(64, '0') })
  const telling = async (seq: number) => await tellNewest(await linkTo(vault), owner, newest(seq), 1)

  it('of the newest backup is kept, and an older one is answered with the newer', async () => {
    expect((await telling(2)).newest).toEqual(newest(2))
    expect((await telling(2)).newest).toEqual(newest(2))
    expect((await telling(1)).newest).toEqual(newest(2))
    expect((await telling(3)).newest).toEqual(newest(3))
  })

  it('is not believed to be kept when the vault shows something else', async () => {
    vault.bend('newest', saying({ newest: null }))
    expect(await failureOf(telling(2))).toMatchObject({ code: 'vault_failed' })
    vault.bend('newest', refusal(409, { code: 'conflict' }))
    expect(await failureOf(telling(3))).toMatchObject({ code: 'record_changed' })
  })

  it('to delete is done once it says so with its signature, and not before', async () => {
    const deleting = async () => await deleteRecord(await linkTo(vault), owner, 1)
    vault.bend('delete', saying({ state: 'active' }), 1)
    expect(await failureOf(deleting())).toMatchObject({ code: 'vault_failed' })
    vault.restore()
    vault.bend('delete', byStranger, 1)
    expect(await failureOf(deleting())).toMatchObject({ code: 'vault_failed' })
    vault.restore()
    expect(await deleting()).toMatchObject({ state: 'deleted' })
    expect(await deleting()).toMatchObject({ state: 'deleted' })
    expect(await failureOf(tryPassword(vault, owner.rid))).toMatchObject({ code: 'no_record' })
  })
})
