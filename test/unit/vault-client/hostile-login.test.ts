import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CofferError } from '../../../contract/errors.ts'
import type { LoginStarted, Receipt, RecordId, Statement } from '../../../contract/vault.ts'
import { makeSecret } from '../../../main/core/keys/secret.ts'
import { openOwner, signNewest } from '../../../main/core/vault/owner.ts'
import { altered, refusal, resigned } from './bending.ts'
import { goodPassword, linkTo, register, tryPassword } from './client.ts'
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

describe('a vault that is not who it has to be', () => {
  it('is asked nothing more than who it is', async () => {
    vault.bend(
      'info',
      altered(() => ({ identity: stranger.spki.toString('base64url') })),
    )
    expect(await failing()).toMatchObject({ code: 'vault_not_genuine' })
    expect(vault.asked).toEqual(['info'])
  })

  it('is refused when its identity is no key, or a key of another kind', async () => {
    const ed25519 = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' })
    const padded = Buffer.concat([ed25519, Buffer.alloc(91)]).subarray(0, 91)
    for (const identity of [Buffer.alloc(91), padded]) {
      vault.bend(
        'info',
        altered(() => ({ identity: identity.toString('base64url') })),
      )
      expect(await failureOf(linkTo(vault, { fingerprint: Buffer.alloc(32) }))).toMatchObject({
        code: 'vault_failed',
        detail: { reason: 'Its identity is not a key.' },
      })
    }
  })

  it('is told to be of another version when it speaks one', async () => {
    vault.bend(
      'info',
      altered(() => ({ protocols: [2, 3] })),
    )
    expect(await failing()).toMatchObject({ code: 'vault_upgrade' })
  })
})

describe('a vault that lies about a guess', () => {
  it.each<[string, Bend, RegExp]>([
    [
      'signed by nobody',
      altered<LoginStarted>(({ receipt }) => ({ receipt: { ...receipt, attemptsLeft: 8, attempt: 2 } })),
      /not signed by it/,
    ],
    [
      'signed by another vault',
      altered<LoginStarted>(({ receipt: { signature: _, ...said } }) => ({ receipt: stranger.receipt(said) })),
      /not signed by it/,
    ],
    [
      'of another record',
      altered<LoginStarted>(({ receipt }) => ({ receipt: resigned(vault.model, receipt, { rid: other.rid }) })),
      /another record/,
    ],
    [
      'of another attempt',
      altered<LoginStarted>(({ receipt }) => ({ receipt: resigned(vault.model, receipt, { message: other.rid }) })),
      /another attempt/,
    ],
    [
      'of another kind',
      altered<LoginStarted>(({ receipt }) => ({ receipt: resigned(vault.model, receipt, { kind: 'opened' }) })),
      /another attempt/,
    ],
    [
      'that cannot count',
      altered<LoginStarted>(({ receipt }) => ({
        receipt: resigned(vault.model, receipt, { attempt: 1, attemptsLeft: 10 }),
      })),
      /count the tries/,
    ],
    [
      'of a try before the first',
      altered<LoginStarted>(({ receipt }) => ({
        receipt: resigned(vault.model, receipt, { attempt: 0, attemptsLeft: 10 }),
      })),
      /count the tries/,
    ],
    [
      'with stretching that is too cheap',
      altered<LoginStarted>(({ receipt }) => ({
        receipt: resigned(vault.model, receipt, { stretching: { memory: 8, passes: 1, parallelism: 1 } }),
      })),
      /too cheap/,
    ],
    [
      'with too much memory to stretch',
      altered<LoginStarted>(({ receipt }) => ({
        receipt: resigned(vault.model, receipt, { stretching: { memory: 4_000_000, passes: 1, parallelism: 1 } }),
      })),
      /too dear/,
    ],
    [
      'with too many passes to stretch',
      altered<LoginStarted>(({ receipt }) => ({
        receipt: resigned(vault.model, receipt, { stretching: { memory: 64, passes: 65_000, parallelism: 1 } }),
      })),
      /too dear/,
    ],
    [
      'with a message that is cut short',
      altered<LoginStarted>(({ message }) => ({ message: message.slice(0, -4) })),
      /form/,
    ],
    [
      'with a message that is too long',
      altered<LoginStarted>(({ message }) => ({ message: `${message}AAAA` })),
      /form/,
    ],
    [
      'with a message that is none of OPAQUE’s',
      altered<LoginStarted>(() => ({ message: 'A'.repeat(427) })),
      /no message of OPAQUE/,
    ],
    ['with a ticket too long to hold', altered<LoginStarted>(() => ({ ticket: 'A'.repeat(3000) })), /form/],
  ])('gives a receipt %s: nothing more is sent, and a try is said to be gone', async (_, bend, reason) => {
    vault.bend('start', bend)
    const error = await failing()
    expect(error).toMatchObject({ code: 'vault_failed', detail: { charged: true } })
    expect(error.detail['reason']).toMatch(reason)
    expect(vault.asked).toEqual(['info', 'start'])
  })

  it('and shows the receipt of an earlier attempt again is refused', async () => {
    let earlier: Receipt | undefined
    vault.bend(
      'start',
      altered<LoginStarted>(({ receipt }) => ({ receipt: (earlier ??= receipt) })),
    )
    await tryPassword(vault, rid)
    expect(await failing()).toMatchObject({
      code: 'vault_failed',
      detail: { reason: 'Its receipt is of another attempt.' },
    })
  })
})

describe('bad news', () => {
  const forged =
    (state: Statement['state']): Bend =>
    ({ told }) => {
      const { receipt } = told.json as unknown as LoginStarted
      const statement = stranger.statement(rid, Buffer.from(receipt.message, 'base64url'), { state })
      return {
        status: state === 'destroyed' ? 410 : 404,
        json: { code: state === 'destroyed' ? 'destroyed' : 'no_record', message: 'No.', statement },
      }
    }
  const signed =
    (code: string, status: number, change: Partial<Statement>, digest?: Buffer): Bend =>
    ({ told }) => {
      const { receipt } = told.json as unknown as LoginStarted
      const statement = vault.model.statement(rid, digest ?? Buffer.from(receipt.message, 'base64url'), change)
      return { status, json: { code, message: 'No.', statement } }
    }

  it.each<[string, Bend]>([
    ['destroyed', refusal(410, { code: 'destroyed' })],
    ['no_record', refusal(404, { code: 'no_record' })],
    ['wrong_password', refusal(403, { code: 'wrong_password', attemptsLeft: 0 })],
    ['destroyed, signed by another vault', forged('destroyed')],
    ['no_record, signed by another vault', forged('none')],
    ['destroyed, with the statement of an active record', signed('destroyed', 410, { state: 'active' })],
    [
      'destroyed, with the statement of another question',
      signed('destroyed', 410, { state: 'destroyed' }, Buffer.alloc(32)),
    ],
    [
      'destroyed, with the statement of another record',
      signed('destroyed', 410, { state: 'destroyed', rid: other.rid }),
    ],
    ['no_record, with the statement of a destroyed record', signed('no_record', 404, { state: 'destroyed' })],
  ])('that is not signed for this very question is not believed: %s', async (_, bend) => {
    vault.bend('start', bend)
    expect(await failing()).toMatchObject({ code: 'vault_failed' })
  })

  it('is believed when it is: a record that is destroyed, deleted, or was never there', async () => {
    vault.bend('start', signed('destroyed', 410, { state: 'destroyed', at: 1_700_000_000_000 }))
    expect(await failing()).toMatchObject({
      code: 'destroyed',
      detail: { attemptsLeft: 0, charged: false, at: '2023-11-14T22:13:20.000Z' },
    })
    for (const state of ['none', 'deleted'] as const) {
      vault.bend('start', signed('no_record', 404, { state }))
      expect(await failing()).toMatchObject({ code: 'no_record' })
    }
  })

  it('of tries that are all used is believed when it is signed', async () => {
    vault.bend('start', ({ told }) => {
      const { receipt } = told.json as unknown as LoginStarted
      const statement = vault.model.statement(rid, Buffer.from(receipt.message, 'base64url'), { state: 'exhausted' })
      return { status: 429, json: { code: 'rate_limited', message: 'No.', retryAfter: 90_000, statement } }
    })
    expect(await failing()).toMatchObject({
      code: 'vault_waits',
      detail: { attemptsLeft: 0, charged: false, tries: expect.stringContaining('All ten tries are used.') },
    })
  })

  it('that costs nothing is told without proof, with what to do: waiting, trying later, another version', async () => {
    vault.bend('start', refusal(429, { code: 'rate_limited', retryAfter: 61_000 }))
    expect(await failing()).toMatchObject({
      code: 'vault_waits',
      detail: { retryAfter: 61_000, wait: 'The next try is possible in 61 seconds.' },
    })
    vault.bend('start', refusal(503, { code: 'unavailable', charged: false }))
    expect(await failing()).toMatchObject({ code: 'vault_unavailable', detail: { charged: false } })
    vault.bend('start', refusal(503, { code: 'unavailable', charged: true }))
    expect(await failing()).toMatchObject({ code: 'vault_unavailable', detail: { charged: true } })
    vault.bend('start', refusal(426, { code: 'upgrade_required' }))
    expect(await failing()).toMatchObject({ code: 'vault_upgrade' })
  })
})
