import Database from 'better-sqlite3'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { filesBelow } from '../fixtures/files-below.ts'
import { found, needle } from '../fixtures/vault/needles.ts'
import { type Ended, newPerson, type Person } from './command-line.ts'
import { startVaultProcess, type VaultProcess } from './vault-process.ts'

const [password, other] = ['plum-orbit-candle-93', 'seven quiet herons 41']
let vault: VaultProcess
let ada: Person
/** Everything that any command has said. */
let said = ''
beforeAll(async () => {
  vault = await startVaultProcess()
  ada = newPerson()
  const database = new Database(join(ada.folder, 'messages.db'))
  database.exec("create table message (body text); insert into message values ('hello')")
  database.close()
})
afterAll(async () => {
  ada.leave()
  await vault.remove()
})

/** Runs a command, with this on its standard input, on this computer or another one. */
async function coffer(
  args: string[],
  { input, home = 'home', env = {} }: { input?: string; home?: string; env?: Record<string, string> } = {},
): Promise<Ended> {
  const ended = await ada.start(args, { COFFER_HOME: join(ada.folder, home), ...env }, input).ended
  said += ended.stdout + ended.stderr
  return ended
}
const error = ({ json }: Ended): unknown => (json as { error: unknown }).error

describe('an archive with a password alone, from its beginning to its end', () => {
  it('is made, and says what that means', async () => {
    const made = await coffer(['init', 'one', '--vault', vault.invited, '--password-stdin', '--no-keychain'], {
      input: `${password}\n`,
    })
    expect(made.code, made.stderr).toBe(0)
    expect(made.stdout).toContain('Without the vault, or without the password, nobody can open the archive')
    expect(made.stdout).toContain('Having both')
    expect(made.stderr).not.toContain('fingerprint')
  })

  it('is backed up with the password, and the vault hears of it', async () => {
    const backup = await coffer(['backup', 'messages.db', 'one', '--password-stdin', '--json'], { input: password })
    expect(backup.code, backup.stdout).toBe(0)
    expect(backup.json).toMatchObject({ seq: 1, warnings: [] })
  })

  it('comes back on a computer that has never seen Coffer, with nothing but the password', async () => {
    const back = await coffer(['restore', 'one', 'back', '--password-stdin', '--json'], {
      input: `${password}\r\n`,
      home: 'new',
    })
    expect(back.code, back.stdout).toBe(0)
    expect(back.json).toMatchObject({ files: 1, integrity: 'ok', warnings: [] })
    expect(readFileSync(join(ada.folder, 'back', 'messages.db'))).toEqual(readFileSync(join(ada.folder, 'messages.db')))
  })

  it('shows where the password will be checked before it is', async () => {
    const listed = await coffer(['snapshots', 'one', '--password-stdin'], { input: password, home: 'new' })
    expect(listed.code).toBe(0)
    expect(listed.stderr).toContain(`The password is checked by the vault at ${new URL(vault.origin).host}.`)
  })

  it('tells a wrong password from the right one, how many tries are left, and what else there is', async () => {
    const wrong = await coffer(['restore', 'one', 'no', '--password-stdin', '--json'], {
      input: 'not the password',
      home: 'new',
    })
    expect([wrong.code, error(wrong)]).toMatchObject([3, { code: 'wrong_password', attemptsLeft: 9, charged: true }])
    const told = await coffer(['restore', 'one', 'no', '--password-stdin'], { input: 'not the password', home: 'new' })
    expect(told.code).toBe(3)
    expect(told.stderr).toContain('8 tries left before the password stops working for good.')
    expect(told.stderr).toContain('use the 64-digit key instead')
  })

  it('shows what happened at the vault, in words and for programs', async () => {
    const activity = await coffer(['activity', 'one', '--password-stdin'], { input: password, home: 'new' })
    expect(activity.code, activity.stderr).toBe(0)
    expect(activity.stdout).toMatch(/try 2 of 10: wrong password/)
    expect(activity.stdout).toContain('2 wrong passwords were tried')
    const json = await coffer(['activity', 'one', '--password-stdin', '--json'], { input: password, home: 'new' })
    expect(json.json).toMatchObject({
      state: 'active',
      attemptsLeft: 10,
      warnings: [],
      vault: { keystore: 'software' },
    })
    const { events } = json.json as { events: { what: string; outcome?: string }[] }
    expect(events[0]).toMatchObject({ what: 'set' })
    expect(events.filter(({ outcome }) => outcome === 'wrong')).toHaveLength(2)
  })

  it('tells the first computer at its next backup that somebody tried', async () => {
    const backup = await coffer(['backup', 'messages.db', 'one', '--password-stdin', '--json'], { input: password })
    expect(backup.code).toBe(1)
    expect(backup.json).toMatchObject({ warnings: [{ code: 'passwords_tried', count: 2 }] })
  })

  it('gets another password by the old one; the vault is killed in between, and nothing is lost', async () => {
    await vault.restart()
    const changed = await coffer(['password', 'change', 'one', '--password-stdin', '--json'], {
      input: `${password}\n${other}\n`,
    })
    expect(changed.code, changed.stdout).toBe(0)
    const old = await coffer(['snapshots', 'one', '--password-stdin', '--json'], { input: password })
    expect(error(old)).toMatchObject({ code: 'wrong_password' })
    expect((await coffer(['snapshots', 'one', '--password-stdin'], { input: other })).code).toBe(0)
  })

  it('keeps its password when nothing else would open it any more', async () => {
    const removed = await coffer(['password', 'remove', 'one', '--password-stdin', '--json'], { input: other })
    expect([removed.code, error(removed)]).toMatchObject([2, { code: 'only_password' }])
    expect((await coffer(['snapshots', 'one', '--password-stdin'], { input: other })).code).toBe(0)
  })

  it('is lost to the password after ten wrong ones, and says so from then on; the digits open it', async () => {
    const shown = await coffer(['key', 'show', 'one', '--password-stdin', '--json'], { input: other })
    const { key } = shown.json as { key: string }
    said = said.replaceAll(key, '')
    for (let left = 9; left >= 1; left--) {
      const wrong = await coffer(['restore', 'one', 'no', '--password-stdin', '--json'], {
        input: 'not the password',
        home: 'thief',
      })
      expect([wrong.code, error(wrong)]).toMatchObject([3, { code: 'wrong_password', attemptsLeft: left }])
    }
    const tenth = await coffer(['restore', 'one', 'no', '--password-stdin', '--json'], {
      input: 'not the password',
      home: 'thief',
    })
    expect([tenth.code, error(tenth)]).toMatchObject([3, { code: 'destroyed', attemptsLeft: 0, charged: true }])
    const right = await coffer(['restore', 'one', 'no', '--password-stdin'], { input: other, home: 'thief' })
    expect([right.code, right.stderr]).toEqual([3, expect.stringContaining('stopped working for good')])
    expect(right.stderr).toContain('64-digit key opens it')

    const env = { COFFER_KEY: key }
    expect((await coffer(['restore', 'one', 'rescued', '--json'], { env, home: 'thief' })).code).toBe(0)
    // And a new password is set with the digits, without a backup being made anew.
    const set = await coffer(['password', 'set', 'one', '--password-stdin', '--json'], {
      env,
      input: password,
      home: 'rescue',
    })
    expect(set.code, set.stdout).toBe(0)
    expect((await coffer(['snapshots', 'one', '--password-stdin'], { input: password, home: 'newest' })).code).toBe(0)
  })
})

describe('an archive with a key and a password', () => {
  it('takes a password later, and lets it go again', async () => {
    expect((await coffer(['init', 'two', '--key-out', 'key.txt', '--no-keychain'])).code).toBe(0)
    const none = await coffer(['snapshots', 'two', '--password-stdin', '--json'], { input: password })
    expect([none.code, error(none)]).toMatchObject([2, { code: 'no_password' }])
    const set = await coffer(
      ['password', 'set', 'two', '--vault', vault.origin, '--key-file', 'key.txt', '--password-stdin'],
      { input: password },
    )
    expect(set.code, set.stderr).toBe(0)
    // Nobody said who the vault has to be: the person is shown.
    expect(set.stderr).toContain(new URL(vault.invited).hash.slice(1))
    expect((await coffer(['snapshots', 'two', '--password-stdin'], { input: password, home: 'new' })).code).toBe(0)
    const removed = await coffer(['password', 'remove', 'two', '--key-file', 'key.txt', '--json'])
    expect([removed.code, removed.json]).toMatchObject([0, { removed: true }])
    const gone = await coffer(['snapshots', 'two', '--password-stdin', '--json'], { input: password })
    expect(error(gone)).toMatchObject({ code: 'no_password' })
    expect((await coffer(['snapshots', 'two', '--key-file', 'key.txt'])).code).toBe(0)
  })
})

describe('what cannot be', () => {
  it.each<[string, string[], string, number, string]>([
    [
      'a weak password',
      ['init', 'x', '--vault', 'VAULT', '--password-stdin', '--no-keychain'],
      'hunter2',
      2,
      'password_weak',
    ],
    [
      'an empty password',
      ['init', 'x', '--vault', 'VAULT', '--password-stdin', '--no-keychain'],
      '\n',
      2,
      'password_unusable',
    ],
    ['no password at all', ['init', 'x', '--vault', 'VAULT', '--password-stdin', '--no-keychain'], '', 2, 'usage'],
    ['a vault without a password to give', ['init', 'x', '--vault', 'VAULT', '--no-keychain'], '', 2, 'usage'],
    ['a password without a vault', ['init', 'x', '--password-stdin'], password, 2, 'usage'],
    [
      'a vault that nobody runs',
      ['init', 'x', '--vault', 'http://127.0.0.1:1', '--password-stdin', '--no-keychain'],
      password,
      5,
      'vault_unreachable',
    ],
    [
      'a vault elsewhere without encryption',
      ['init', 'x', '--vault', 'http://vault.example.org', '--password-stdin', '--no-keychain'],
      password,
      2,
      'vault_address',
    ],
    [
      'another vault than the fingerprint’s',
      ['init', 'x', '--vault', `VAULT#${'A'.repeat(43)}`, '--password-stdin', '--no-keychain'],
      password,
      5,
      'vault_not_genuine',
    ],
    ['an archive whose key nothing would hold', ['init', 'x', '--no-keychain'], '', 2, 'key_not_kept'],
    [
      'both a key file and a password',
      ['snapshots', 'one', '--key-file', 'key.txt', '--password-stdin'],
      password,
      2,
      'usage',
    ],
  ])('is refused in words, and leaves nothing behind: %s', async (_, args, input, code, name) => {
    const before = filesBelow(ada.folder).map(({ name }) => name)
    const refused = await coffer([...args.map((it) => it.replace('VAULT', vault.origin)), '--json'], { input })
    expect([refused.code, error(refused)]).toMatchObject([code, { code: name }])
    expect(filesBelow(ada.folder).map(({ name }) => name)).toEqual(before)
  })
})

describe('passwords and keys', () => {
  it('are in nothing that was said, and in nothing that was written by client or vault', async () => {
    const digits = readFileSync(join(ada.folder, 'key.txt'), 'utf8').split('\n', 1)[0]?.replaceAll(' ', '') ?? ''
    expect(digits).toHaveLength(64)
    const secrets = [needle('password', password), needle('other', other), needle('key', digits, 'hex')]
    expect(found(Buffer.from(`${said}${vault.output()}`), secrets)).toEqual([])
    const written = [ada.folder, vault.folder].flatMap((folder) => filesBelow(folder))
    expect(written.length).toBeGreaterThan(10)
    for (const { name, full } of written)
      if (name.endsWith('key.txt')) expect(found(readFileSync(full), secrets.slice(2))).toEqual([])
      else expect(found(readFileSync(full), secrets), name).toEqual([])
  })
})
