import Database from 'better-sqlite3'
import { execFileSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ended, newPerson, type Person } from './command-line.ts'
import { startVaultProcess, type VaultProcess } from './vault-process.ts'

const password = 'plum-orbit-candle-93'
let vault: VaultProcess
let ada: Person
beforeAll(async () => {
  vault = await startVaultProcess('--invites')
  ada = newPerson()
  const database = new Database(join(ada.folder, 'messages.db'))
  database.exec("create table message (body text); insert into message values ('hello')")
  database.close()
})
afterAll(async () => {
  ada.leave()
  await vault.remove()
})

const coffer = (args: string[], input?: string, home = 'home'): Promise<Ended> =>
  ada.start([...args, '--json'], { COFFER_HOME: join(ada.folder, home) }, input).ended
const outcome = ({ code, json }: Ended): unknown => [code, json]
const grow = (): void => {
  const database = new Database(join(ada.folder, 'messages.db'))
  database.exec("insert into message values ('more')")
  database.close()
}
const init = (...more: string[]) => [
  'init',
  'archive',
  '--vault',
  vault.origin,
  '--password-stdin',
  '--key-out',
  'key.txt',
  '--no-keychain',
  ...more,
]

describe('a vault for those who were invited', () => {
  it('takes nobody else, and then nothing is left of the attempt', async () => {
    expect(outcome(await coffer(init(), password))).toMatchObject([2, { error: { code: 'invite_needed' } }])
    expect(outcome(await coffer(init('--invite', 'a-guess'), password))).toMatchObject([
      2,
      { error: { code: 'invite_needed' } },
    ])
    expect((await coffer(['snapshots', 'archive'])).json).toMatchObject({
      error: { code: expect.stringMatching(/not_an_archive|destination_unreachable/) },
    })
  })

  it('takes whoever brings an invite', async () => {
    const bin = join(import.meta.dirname, '..', '..', 'vault', 'bin.ts')
    const said = execFileSync(process.execPath, [bin, 'invite', '--data', vault.folder], { encoding: 'utf8' })
    const invite = said.split(/\s+/).find((word) => /^[\w.-]{20,}$/.test(word)) ?? ''
    expect(outcome(await coffer(init('--invite', invite), password))).toMatchObject([0, { keychain: false }])
  })
})

describe('a cloud that hides the newest backup', () => {
  it('is found out by a restore with the password on a new computer: the vault knows better', async () => {
    expect(outcome(await coffer(['backup', 'messages.db', 'archive', '--key-file', 'key.txt']))).toMatchObject([
      0,
      { warnings: [] },
    ])
    cpSync(join(ada.folder, 'archive'), join(ada.folder, 'older'), { recursive: true })
    grow()
    await coffer(['backup', 'messages.db', 'archive', '--key-file', 'key.txt'])
    const restored = await coffer(['restore', 'older', 'back', '--password-stdin'], password, 'new')
    expect(outcome(restored)).toMatchObject([
      1,
      { files: 1, warnings: [{ code: 'older_than_known', known: 2, found: 1 }] },
    ])
    expect(outcome(await coffer(['restore', 'archive', 'back2', '--password-stdin'], password, 'new'))).toMatchObject([
      0,
      { warnings: [] },
    ])
  })
})

describe('a vault that is away', () => {
  it('does not keep anybody from a backup or a restore with the key', async () => {
    await vault.stop()
    grow()
    const backup = await coffer(['backup', 'messages.db', 'archive', '--key-file', 'key.txt'])
    expect(outcome(backup)).toMatchObject([1, { seq: 3, warnings: [{ code: 'vault_unreachable' }] }])
    expect(outcome(await coffer(['restore', 'archive', 'back3', '--key-file', 'key.txt']))).toMatchObject([
      0,
      { files: 1 },
    ])
  })

  it('is told as what it is to whoever has the password, and costs no try', async () => {
    const restored = await coffer(['restore', 'archive', 'no', '--password-stdin'], password)
    expect(outcome(restored)).toMatchObject([
      5,
      { error: { code: 'vault_unreachable', reason: 'Nothing answers at this address.' } },
    ])
    const removed = await coffer(['password', 'remove', 'archive', '--key-file', 'key.txt'])
    expect(outcome(removed)).toMatchObject([5, { error: { code: 'vault_unreachable' } }])
  })

  it('hears of it all when it is back', async () => {
    await vault.restart()
    grow()
    expect(outcome(await coffer(['backup', 'messages.db', 'archive', '--key-file', 'key.txt']))).toMatchObject([
      0,
      { seq: 4, warnings: [] },
    ])
    expect(outcome(await coffer(['activity', 'archive', '--key-file', 'key.txt']))).toMatchObject([
      0,
      { state: 'active', attemptsLeft: 10 },
    ])
  })
})

describe('a vault whose whole machine was put back to an older day', () => {
  it('is reported by whoever remembers a later one, on this computer or in the archive', async () => {
    await vault.stop()
    const copy = join(ada.folder, 'vault-of-yesterday')
    cpSync(vault.folder, copy, { recursive: true })
    await vault.restart()
    for (const home of ['home', 'thief']) await coffer(['snapshots', 'archive', '--password-stdin'], 'not it', home)
    expect(outcome(await coffer(['activity', 'archive', '--key-file', 'key.txt']))).toMatchObject([
      0,
      { attemptsLeft: 8 },
    ])
    grow()
    await coffer(['backup', 'messages.db', 'archive', '--key-file', 'key.txt'])

    await vault.stop()
    rmSync(vault.folder, { recursive: true })
    cpSync(copy, vault.folder, { recursive: true })
    await vault.restart()
    const back = { warnings: [{ code: 'vault_rolled_back' }] }
    expect(outcome(await coffer(['activity', 'archive', '--key-file', 'key.txt']))).toMatchObject([1, back])
    grow()
    const elsewhere = ['backup', 'messages.db', 'archive', '--key-file', 'key.txt', '--take-over']
    expect(outcome(await coffer(elsewhere, undefined, 'another'))).toMatchObject([1, back])
  })
})
