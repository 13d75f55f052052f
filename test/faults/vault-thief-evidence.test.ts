/** What a thief of the database can do to receipts and invites, and what the file tells him of secrets. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { LoginStarted, Receipts } from '../../contract/vault.ts'
import { OpaquePool } from '../../vault/service/opaque-pool.ts'
import { decodeRecord, decodeSecrets, sealBinding } from '../../vault/service/record.ts'
import { inviteNote, newInvite, writeInvite } from '../../vault/service/invites.ts'
import { addInvite } from '../../vault/log/write-note.ts'
import {
  call,
  fingerprint,
  firstMessage,
  login,
  loginStart,
  type Owner,
  owner,
  ownerRequest,
  readState,
  register,
  thirdMessage,
} from '../fixtures/vault/honest-client.ts'
import { found, needle } from '../fixtures/vault/needles.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'
import { parent, Thief } from './vault-thief-tools.ts'

let vault: TestVault
let thief: Thief
let who: Owner
let opaque: OpaquePool
const password = 'plum-orbit-candle-93'
beforeAll(() => {
  opaque = new OpaquePool(1)
})
afterAll(() => opaque.close())

beforeEach(async () => {
  vault = await openTestVault({ opaque, parent, invites: true })
  thief = new Thief(vault.folder)
  who = owner()
  await register(vault.send, who, { password, invite: await invited() })
  for (let guess = 1; guess <= 3; guess++) await login(vault.send, who, `wrong ${guess}`)
})
afterEach(async () => {
  await vault.close()
  removeVault(vault)
})

async function invited(): Promise<string> {
  const token = newInvite()
  await addInvite(vault, inviteNote(token), 60_000)
  return token
}

async function readReceipts(after = 0): Promise<{ status: number; json: unknown }> {
  const print = await fingerprint(vault.send)
  const path = `/v1/records/${who.id}/receipts`
  const request = ownerRequest(who, print, { method: 'GET', path, generation: 0 })
  return vault.send({ ...request, path: `${path}?after=${after}` })
}

// The receipts are not in the log. But the row, which is, names the last of them, and each names the one before.
describe('receipts', () => {
  const set = (number: number, bytes: string | Buffer) =>
    thief.sql('UPDATE receipts SET bytes = ? WHERE number = ?', Buffer.from(bytes), number)
  const edited = (number: number, edit: (text: string) => string) => {
    const [row] = thief.sql('SELECT bytes FROM receipts WHERE number = ?', number) as { bytes: Buffer }[]
    set(number, edit(row?.bytes.toString() ?? ''))
  }
  const attacks: Record<string, () => unknown> = {
    'all are removed': () => thief.sql('DELETE FROM receipts'),
    'the last is removed': () => thief.sql('DELETE FROM receipts WHERE number = 7'),
    'one in the middle is removed': () => thief.sql('DELETE FROM receipts WHERE number = 4'),
    'those of the wrong passwords are removed': () => thief.sql('DELETE FROM receipts WHERE number > 1'),
    'one is made to tell of a right password': () => edited(6, (it) => it.replace('tried', 'opened')),
    'the time of one is changed': () => edited(4, (it) => it.replace(/"at":(\d)/, '"at":9')),
    'one is put in the place of another': () =>
      thief.sql('UPDATE receipts SET bytes = (SELECT bytes FROM receipts WHERE number = 2) WHERE number = 4'),
    'one is no receipt': () => set(5, '{"rid":null}'),
    'one is no JSON': () => set(5, '{"needle'),
    'one is empty': () => set(5, ''),
  }

  it('are seven before anybody touches them', async () => {
    const { receipts } = Receipts.parse((await readReceipts()).json)
    expect(receipts.map(({ kind }) => kind)).toEqual(['created', ...Array(3).fill(['tried', 'given_back']).flat()])
  })

  it.each(Object.keys(attacks))('are not shown as if there had been less when %s', async (name) => {
    attacks[name]?.()
    expect(await readReceipts()).toMatchObject({ status: 503, json: { code: 'unavailable', charged: false } })
  })

  // The app's client then warns: the receipt of this very login is missing (main/core/vault/log-in.ts).
  it.each(Object.keys(attacks))('are left out of a login, which gives the key all the same, when %s', async (name) => {
    attacks[name]?.()
    const it = await login(vault.send, who, password)
    expect(it).toMatchObject({ finished: { receipts: [], statement: { attemptsLeft: 10 } } })
    expect('key' in it && it.key.equals(who.key)).toBe(true)
  })

  it('that come after the damage are shown to whoever asks for those alone', async () => {
    attacks['the time of one is changed']?.()
    expect(await readReceipts(4)).toMatchObject({ status: 200, json: { receipts: [{ number: 5 }, {}, {}] } })
  })

  it('that lie in the way of the next are overwritten: nobody’s change fails for another’s record', async () => {
    for (const number of [8, 9])
      thief.sql('INSERT INTO receipts VALUES (?, ?, ?)', who.rid, number, Buffer.from('in the way'))
    expect(await login(vault.send, who, password)).toMatchObject({ finished: { statement: { attemptsLeft: 10 } } })
    expect(Receipts.parse((await readReceipts()).json).receipts).toHaveLength(9)
  })

  it('of an attempt that is asked for again, if gone, cost that answer and no second guess', async () => {
    const attempt = await firstMessage(password)
    await call(vault.send, loginStart(who, attempt))
    thief.sql('DELETE FROM receipts WHERE number = 8')
    expect(await vault.send(loginStart(who, attempt))).toMatchObject({ status: 503, json: { charged: true } })
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 6 })
  })
})

describe('an invite', () => {
  const create = (invite: string) => register(vault.send, owner(), { password, invite })
  const refused = { status: 403, refusal: { code: 'invite_needed' } }
  const write = (name: string, bytes: Buffer) => thief.sql('INSERT OR REPLACE INTO notes VALUES (?, ?)', name, bytes)
  const until = Date.now() + 1e9

  it('lets one person make one record', async () => {
    const token = await invited()
    await create(token)
    await expect(create(token)).rejects.toMatchObject(refused)
    await expect(create('')).rejects.toMatchObject({ status: 400 })
  })

  it('that a thief writes himself serves nobody: it is not signed by the vault', async () => {
    const token = newInvite()
    const elsewhere = await openTestVault({ opaque, parent })
    const forged = [
      Buffer.from(String(until)),
      await writeInvite(elsewhere.keystore, inviteNote(token), until),
      await writeInvite(vault.keystore, inviteNote('another'), until),
      Buffer.alloc(0),
      Buffer.alloc(200, 1),
    ]
    await elsewhere.close()
    removeVault(elsewhere)
    for (const bytes of forged) {
      write(inviteNote(token), bytes)
      await expect(create(token)).rejects.toMatchObject(refused)
    }
  })

  it('cannot be made to serve longer', async () => {
    const token = await invited()
    const [note] = thief.sql('SELECT bytes FROM notes') as { bytes: Buffer }[]
    const longer = Buffer.from(note?.bytes ?? '')
    longer.writeBigUInt64LE(BigInt(until), 4)
    write(inviteNote(token), longer)
    await expect(create(token)).rejects.toMatchObject(refused)
  })

  // What a used invite's note is worth to a thief who also knows the token: one more record, of his own.
  it('that was used and is put back serves again', async () => {
    const token = await invited()
    const [note] = thief.sql('SELECT bytes FROM notes') as { bytes: Buffer }[]
    await create(token)
    write(inviteNote(token), note?.bytes ?? Buffer.alloc(0))
    expect(await create(token)).toMatchObject({ receipt: { kind: 'created' } })
  })
})

describe('the database without the keystore', () => {
  it('shows no password, no key and nothing that a guess could be checked with', async () => {
    const print = await fingerprint(vault.send)
    const attempt = await firstMessage(password)
    const started = LoginStarted.parse(await call(vault.send, loginStart(who, attempt)))
    const third = thirdMessage(who, print, attempt, started)
    await login(vault.send, who, password)
    const { record, sealEpoch, sealed } = decodeRecord(await thief.row(who.rid))
    const plain = await vault.keystore.open(sealEpoch, sealed, sealBinding(record))
    const { setup, registration, wrapped } = decodeSecrets(plain)
    const needles = [
      needle('the password', password),
      needle('K', who.key),
      needle('the export key', third?.exportKey ?? '', 'base64url'),
      needle('the session key', third?.sessionKey ?? '', 'base64url'),
      needle('the OPRF seed', setup.subarray(0, 64)),
      needle('the setup', setup.subarray(64)),
      needle('the masking key', registration.subarray(32, 96)),
      needle('the envelope', registration.subarray(96)),
      needle('the wrapped key', wrapped.subarray(24, 72)),
      needle('the ticket', started.ticket, 'base64url'),
    ]
    const files = () => Buffer.concat([...thief.copy().values()])
    expect(found(files(), needles)).toEqual([])
    await vault.node.checkpoint(1)
    await vault.close()
    expect(found(files(), needles)).toEqual([])
    // The search does find what is there.
    const there = [needle('the id', who.rid), needle('its seal', sealed)]
    expect(found(files(), there)).toEqual(
      expect.arrayContaining(['the id (raw)', 'the id (base64url)', 'its seal (raw)']),
    )
    const opened = ['the OPRF seed', 'the setup', 'the masking key', 'the envelope', 'the wrapped key']
    expect(found(Buffer.from(plain), needles)).toEqual(opened.map((name) => `${name} (raw)`))
  })
})
