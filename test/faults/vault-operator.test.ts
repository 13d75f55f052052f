/** The operator's commands, run for real on vaults that are well, old, damaged and running. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { LoginStarted } from '../../contract/vault.ts'
import { SealRefused } from '../../vault/keystore/keystore.ts'
import { OpaquePool } from '../../vault/service/opaque-pool.ts'
import { decodeRecord, sealBinding } from '../../vault/service/record.ts'
import {
  call,
  fingerprint,
  firstMessage,
  login,
  loginFinish,
  loginStart,
  type Owner,
  owner,
  prepareRecord,
  readState,
  register,
  thirdMessage,
} from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'
import { configureVault, type Ended, serveVault, vaultCommand } from '../fixtures/vault/vault-command.ts'
import { parent, Thief } from './vault-thief-tools.ts'

let vault: TestVault
let thief: Thief
let who: Owner
let other: Owner
let opaque: OpaquePool
beforeAll(() => {
  opaque = new OpaquePool(1)
})
afterAll(() => opaque.close())

beforeEach(async () => {
  vault = await openTestVault({ opaque, parent })
  configureVault(vault.folder, vault.keystore)
  thief = new Thief(vault.folder)
  who = owner()
  other = owner()
  await register(vault.send, who, { password: 'right' })
  await register(vault.send, other, { password: 'other' })
})
afterEach(async () => {
  await vault.close()
  removeVault(vault)
})

async function start(more: { invites?: boolean } = {}): Promise<void> {
  vault = await openTestVault({ folder: vault.folder, opaque, ...more })
}

function operate(...args: string[]): Promise<Ended> {
  return vaultCommand(['--data', vault.folder, ...args])
}

const says = (code: number, ...words: (string | RegExp)[]) => ({
  code,
  stdout: expect.stringMatching(new RegExp(words.map((it) => (typeof it === 'string' ? it : it.source)).join('[^]*'))),
  stderr: '',
})

describe('a vault that is well', () => {
  it('is told to be: status, log verify, recover', async () => {
    await vault.close()
    const commands = [
      operate('status'),
      operate('log', 'verify'),
      operate('recover'),
      operate('recover', '--burn', '0'),
    ]
    const [status, verified, ...recovered] = await Promise.all(commands)
    expect(status).toEqual(
      says(0, 'software', 'sqlite', '2 changes, this node’s anchor at 2', '2 that a password can open'),
    )
    expect(verified).toEqual(says(0, 'whole up to 2, and every row is as it says'))
    for (const it of recovered) expect(it).toEqual(says(0, 'nothing to recover from'))
    await start()
    expect(await login(vault.send, who, 'right')).toHaveProperty('key')
  })

  it('gives invites, each for one record, and the address with its fingerprint', async () => {
    await vault.close()
    const { stdout, code } = await operate('invite', '--address', 'https://vault.example/', '--days', '2')
    const [, fingerprintText, token] = /^https:\/\/vault\.example#([\w-]{43})\nInvite: ([\w-]+)\n$/.exec(stdout) ?? []
    expect(code).toBe(0)
    await start({ invites: true })
    expect(fingerprintText).toBe((await fingerprint(vault.send)).toString('base64url'))
    const invite = token ?? ''
    await register(vault.send, owner(), { password: 'x', invite })
    await expect(register(vault.send, owner(), { password: 'x', invite })).rejects.toMatchObject({ status: 403 })
  })

  it('gives invites that stop serving after their days', async () => {
    await vault.close()
    const { stdout } = await operate('invite', '--days', '1')
    await start({ invites: true })
    vault.clock.now += 86_400_001
    const invite = stdout.trim().split(' ').at(-1) ?? ''
    await expect(register(vault.send, owner(), { password: 'x', invite })).rejects.toMatchObject({ status: 403 })
  })
})

describe('a database that is older than the anchor', () => {
  it('is shown by every command, served by none, and recovered by burning exactly what is in it', async () => {
    await vault.close()
    const older = thief.copy()
    await start()
    await login(vault.send, who, 'wrong')
    await vault.close()
    thief.putBack(older, { how: 'over' })
    const [status, verified, served, asked, wrong] = await Promise.all([
      operate('status'),
      operate('log', 'verify'),
      operate('serve', '--listen', '127.0.0.1:0'),
      operate('recover'),
      operate('recover', '--burn', '1'),
    ])
    expect(status).toEqual(
      says(0, '2 changes, this node’s anchor at 4', 'older than this node’s anchor: 2 changes are lost'),
    )
    for (const it of [verified, served])
      expect(it).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/is older.*recover/) })
    for (const it of [asked, wrong])
      expect(it).toEqual(says(1, '2 changes are lost', '2 records have to be destroyed', 'recover --burn 2'))
    expect(thief.head().place).toBe(2)

    expect(await operate('recover', '--burn', '2')).toEqual(says(0, 'Destroyed 2 records'))
    expect(await operate('log', 'verify')).toEqual(says(0, 'whole up to 4'))
    await start()
    for (const me of [who, other])
      await expect(login(vault.send, me, 'right')).rejects.toMatchObject({ refusal: { code: 'destroyed' } })
    await register(vault.send, who, { password: 'new', generation: 1 })
    expect(await login(vault.send, who, 'new')).toHaveProperty('key')
  })

  it('of which only some rows are wrong loses those alone', async () => {
    await vault.close()
    await thief.editRow(who.rid, () => ({ budget: 9 }))
    expect(await operate('log', 'verify')).toEqual(says(1, '1 rows are not as the log knows them'))
    expect(await operate('recover', '--burn', '2')).toEqual(says(1, '1 record has to be destroyed', '--burn 1'))
    expect(await operate('recover', '--burn', '1')).toEqual(says(0, 'Destroyed 1 record\\.'))
    await start()
    expect(await login(vault.send, other, 'other')).toHaveProperty('key')
    await expect(login(vault.send, who, 'right')).rejects.toMatchObject({ refusal: { code: 'destroyed' } })
  })

  it('whose log is broken is not recovered: only a whole copy helps', async () => {
    await vault.close()
    thief.sql('UPDATE log SET counter = 7 WHERE place = 1')
    expect(await operate('recover', '--burn', '2')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/log/),
    })
  })
})

describe('rotate-seal-key', () => {
  it('makes older copies of the database unreadable, with all keys that there are', async () => {
    const { record, sealEpoch, sealed } = decodeRecord(await thief.row(who.rid))
    await vault.close()
    const older = thief.copy()
    expect(await operate('rotate-seal-key')).toEqual(
      says(0, '2 records are sealed under key 2 now', 'Destroyed: key 1'),
    )
    await start()
    await expect(vault.keystore.open(sealEpoch, sealed, sealBinding(record))).rejects.toThrow(SealRefused)
    expect(await login(vault.send, who, 'right')).toHaveProperty('key')
    await vault.close()
    thief.putBack(older, { how: 'over' })
    await expect(start().then(() => 'it started')).rejects.toThrow(/older/)
  })

  it('runs beside a node that serves: nobody notices, and what either seals the other opens', async () => {
    const { folder } = vault
    await vault.close()
    const serving = await serveVault(folder)
    try {
      const { send } = serving
      expect(await login(send, who, 'wrong')).toMatchObject({ attemptsLeft: 9 })
      const rotating = operate('rotate-seal-key')
      const during = owner()
      await register(send, during, { password: 'meanwhile' })
      for (let at = 0; at < 5; at++) expect(await login(send, other, 'other')).toHaveProperty('key')
      expect(await rotating).toMatchObject({ code: 0, stderr: '' })
      expect(await login(send, who, 'right')).toHaveProperty('key')
      expect(await login(send, during, 'meanwhile')).toHaveProperty('key')
      expect(await operate('rotate-seal-key')).toMatchObject({ code: 0, stdout: expect.stringMatching('3 records') })
      expect(await login(send, who, 'right')).toHaveProperty('key')
      expect(await serving.end()).toMatchObject({ code: 0, stderr: '' })
    } finally {
      await serving.end('SIGKILL')
    }
    expect(await operate('log', 'verify')).toMatchObject({ code: 0 })
    await start()
    expect(await login(vault.send, who, 'right')).toHaveProperty('key')
  })

  it('ends tickets that were given before, as soon as the node looks at its keys; logins and registrations begin again', async () => {
    const print = await fingerprint(vault.send)
    const attempt = await firstMessage('right')
    const started = LoginStarted.parse(await call(vault.send, loginStart(who, attempt)))
    const third = thirdMessage(who, print, attempt, started)
    const change = await prepareRecord(vault.send, who, { password: 'new', generation: 1, vault: print })
    expect(await operate('rotate-seal-key')).toMatchObject({ code: 0 })
    expect(await vault.keystore.epochs()).toEqual([2])
    const late = await vault.send(loginFinish(who, started.ticket, third?.finishLoginRequest ?? ''))
    expect(late).toMatchObject({ status: 409, json: { code: 'conflict' } })
    expect(await vault.send(change)).toMatchObject({ status: 409, json: { code: 'conflict' } })
    // The guess is gone until somebody succeeds; asking again within its two minutes is free, and gets a new ticket.
    const again = LoginStarted.parse(await call(vault.send, loginStart(who, attempt)))
    const better = thirdMessage(who, print, attempt, again)
    await call(vault.send, loginFinish(who, again.ticket, better?.finishLoginRequest ?? ''))
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 10 })
  })

  it('does not go on over a row that is not as the log knows it', async () => {
    await vault.close()
    await thief.writeRow(who.rid, Buffer.from('\u001b[31m no record'))
    const ended = await operate('rotate-seal-key')
    expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/not as the log knows it/) })
    expect(ended.stderr).not.toContain('\u001b')
    await start()
    // The old key is still there, and so is what only it opens.
    expect(await login(vault.send, other, 'other')).toHaveProperty('key')
    expect(await vault.keystore.epochs()).toEqual([1, 2])
  })
})
