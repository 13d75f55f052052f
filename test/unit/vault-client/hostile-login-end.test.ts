import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CofferError } from '../../../contract/errors.ts'
import type { LoginFinished, RecordId, Statement } from '../../../contract/vault.ts'
import { makeSecret } from '../../../main/core/keys/secret.ts'
import { openOwner, signNewest } from '../../../main/core/vault/owner.ts'
import { altered, askedFor, refusal, resigned } from './bending.ts'
import { digitsOf, goodPassword, otherPassword, register, tryPassword } from './client.ts'
import { type Bend, type HostileVault, startHostileVault } from './hostile-vault.ts'
import { failureOf } from './thrown.ts'
import { VaultModel } from './vault-model.ts'

let vault: HostileVault
let rid: RecordId
const key = makeSecret()
const [stranger, owner] = [new VaultModel(), openOwner(key)]
const other = openOwner(makeSecret())
beforeAll(async () => {
  vault = await startHostileVault()
  const newest = signNewest(owner, { seq: 3, identity: 'ab'.repeat(32) })
  rid = await register(vault, key, { newest })
  vault.remember()
})
beforeEach(() => vault.restore())
afterAll(() => vault.close())

async function failing(password = goodPassword): Promise<CofferError> {
  const error = await failureOf(tryPassword(vault, rid, password))
  if (error instanceof CofferError) return error
  throw error
}

describe('a wrong password', () => {
  it('is given back, and what is left is told as the vault signed it', async () => {
    for (const attemptsLeft of [9, 8]) {
      const error = await failing(otherPassword)
      expect(error).toMatchObject({ code: 'wrong_password', detail: { attemptsLeft, charged: true } })
      expect(error.detail['tries']).toBe(`${attemptsLeft} tries left before the password stops working for good.`)
    }
    expect(vault.asked.filter((step) => step === 'abandon')).toHaveLength(2)
  })

  it('is told as such although the ticket could not be given back, with what the receipt says is left', async () => {
    for (const bend of [
      (() => 'drop') as Bend,
      refusal(410, { code: 'destroyed' }),
      ({ told }: Parameters<Bend>[0]) => {
        const { statement } = told.json as unknown as { statement: Statement }
        return { ...told, json: { statement: stranger.statement(rid, askedFor(statement), { state: 'destroyed' }) } }
      },
    ]) {
      vault.restore()
      vault.bend('abandon', bend)
      expect(await failing(otherPassword)).toMatchObject({ code: 'wrong_password', detail: { attemptsLeft: 9 } })
    }
  })

  it('as the tenth destroys what the vault holds, and says so; the next one hears the same', async () => {
    for (let left = 9; left > 0; left--) expect((await failing(otherPassword)).detail['attemptsLeft']).toBe(left)
    expect(await failing(otherPassword)).toMatchObject({
      code: 'destroyed',
      detail: { attemptsLeft: 0, charged: true },
    })
    expect(await failing()).toMatchObject({ code: 'destroyed', detail: { attemptsLeft: 0, charged: false } })
  })

  it('that is empty or too long is refused before the vault is asked for anything that counts', async () => {
    for (const password of [Buffer.alloc(0), Buffer.alloc(2000, 'a')])
      expect(await failing(password)).toMatchObject({ code: 'password_unusable' })
    expect(vault.asked).toEqual(['info', 'info'])
  })
})

describe('a vault that lies once the password was right', () => {
  it.each<[string, Bend, RegExp]>([
    ['says that it was wrong', refusal(403, { code: 'wrong_password', attemptsLeft: 3 }), /password is right/],
    ['says that all is destroyed', refusal(410, { code: 'destroyed' }), /does not sign it/],
    ['gives out something else', altered<LoginFinished>(() => ({ release: 'A'.repeat(192) })), /does not open/],
    ['gives out something shorter', altered<LoginFinished>(({ release }) => ({ release: release.slice(4) })), /form/],
  ])('and %s is found out, and the try said to be gone', async (_, bend, reason) => {
    vault.bend('finish', bend)
    const error = await failing()
    expect(error).toMatchObject({ code: 'vault_failed', detail: { charged: true } })
    expect(error.detail['reason']).toMatch(reason)
  })

  it('and gives out what it gave an earlier login is found out', async () => {
    let release: string | undefined
    vault.bend(
      'finish',
      altered<LoginFinished>((it) => ({ release: (release ??= it.release) })),
    )
    await tryPassword(vault, rid)
    expect(await failing()).toMatchObject({ code: 'vault_failed', detail: { charged: true } })
  })

  it.each<[string, (it: LoginFinished) => Partial<LoginFinished>, RegExp]>([
    ['receipts in another order', ({ receipts }) => ({ receipts: receipts.toReversed() }), /do not follow/],
    [
      'receipts with one left out',
      ({ receipts }) => ({ receipts: receipts.filter((_, i) => i !== 1) }),
      /do not follow/,
    ],
    ['receipts without this login’s', ({ receipts }) => ({ receipts: receipts.slice(0, 1) }), /this very login/],
    ['no receipts', () => ({ receipts: [] }), /this very login/],
    [
      'an altered receipt',
      ({ receipts }) => ({ receipts: receipts.map((it) => ({ ...it, at: it.at - 1 })) }),
      /not signed/,
    ],
    [
      'a first receipt that follows another',
      ({ receipts }) => ({
        receipts: receipts.map((it, i) => (i > 0 ? it : resigned(vault.model, it, { before: other.rid }))),
      }),
      /begin|follow/,
    ],
    [
      'a statement of another’s',
      ({ statement }) => ({ statement: stranger.statement(rid, askedFor(statement)) }),
      /not signed/,
    ],
    [
      'a statement of another question',
      () => ({ statement: vault.model.statement(rid, Buffer.alloc(32)) }),
      /another question/,
    ],
    [
      'a newest backup that the owner never told',
      ({ statement }) => ({
        statement: vault.model.statement(rid, askedFor(statement), {
          newest: signNewest(other, { seq: 9, identity: 'cd'.repeat(32) }),
        }),
      }),
      /newest backup/,
    ],
  ])('and shows %s cannot keep the key back: that is a warning', async (_, change, reason) => {
    vault.bend('finish', altered(change))
    const { key: got, warnings, told } = await tryPassword(vault, rid)
    expect(digitsOf(got)).toBe(digitsOf(key))
    expect(warnings).toMatchObject([{ code: 'vault_evidence', detail: { reason: expect.stringMatching(reason) } }])
    expect(told).toBeUndefined()
  })

  it('and holds another archive’s key in this record cannot pass it off as this one’s', async () => {
    const wrong = makeSecret()
    vault.model.records.clear()
    const bound = await register(vault, wrong)
    const record = vault.model.records.get(bound)
    vault.model.records.clear()
    if (record) vault.model.records.set(rid, record)
    // OPAQUE binds the record's id: for another id even the right password is none.
    expect(await failing()).toMatchObject({ code: 'wrong_password' })
  })
})
