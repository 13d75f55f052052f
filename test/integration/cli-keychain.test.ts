import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newPerson, type Person } from './command-line.ts'
import { type Keyring, type Session, startSession } from './session-keyring.ts'

let person: Person
let session: Session | undefined
beforeEach(() => {
  person = newPerson()
})
afterEach(async () => {
  await session?.end()
  session = undefined
  person.leave()
})

/** The command line of someone whose desktop has this keyring. */
async function withKeyring(keyring: Keyring): Promise<Person['coffer']> {
  session = await startSession(person.folder, keyring)
  return person.with({ DBUS_SESSION_BUS_ADDRESS: session.env['DBUS_SESSION_BUS_ADDRESS'] ?? '' })
}

describe.runIf(process.platform === 'linux')('the command line where there is a keychain', () => {
  it('keeps the key of a new archive there, and opens the archive with it from then on', async () => {
    const coffer = await withKeyring('unlocked')
    const made = await coffer('init', 'archive', '--json')
    expect([made.code, made.json]).toEqual([0, { archiveId: expect.any(String), keyFile: null, keychain: true }])
    const opened = await coffer('snapshots', 'archive', '--json')
    expect([opened.code, opened.json]).toEqual([0, { snapshots: [], warnings: [] }])
  })

  it('keeps it in both places when asked to, and shows the same key from either', async () => {
    const coffer = await withKeyring('unlocked')
    const made = await coffer('init', 'archive', '--key-out', 'key.txt', '--json')
    expect(made.json).toMatchObject({ keyFile: join(person.folder, 'key.txt'), keychain: true })
    const digits = readFileSync(join(person.folder, 'key.txt'), 'utf8').split('\n', 1)[0]
    expect((await coffer('key', 'show', 'archive', '--json')).json).toMatchObject({ key: digits })
    expect((await coffer('key', 'show', 'archive', '--key-file', 'key.txt', '--json')).json).toMatchObject({
      key: digits,
    })
  })

  it('does not take the keychain’s word when it is the person’s key that is checked', async () => {
    const coffer = await withKeyring('unlocked')
    await coffer('init', 'archive')
    const checked = await coffer('key', 'check', 'archive', '--json')
    expect([checked.code, checked.json]).toMatchObject([2, { error: { code: 'no_key' } }])
  })

  it('leaves the keychain alone when told to', async () => {
    const coffer = await withKeyring('unlocked')
    const made = await coffer('init', 'archive', '--key-out', 'key.txt', '--no-keychain', '--json')
    expect(made.json).toMatchObject({ keychain: false })
    const shown = await coffer('key', 'show', 'archive', '--json')
    expect([shown.code, shown.json]).toMatchObject([2, { error: { code: 'no_key' } }])
  })

  it('makes the archive with a key file alone where the keychain cannot be used, and says why it could not', async () => {
    for (const keyring of ['none', 'locked'] as const) {
      const coffer = await withKeyring(keyring)
      const made = await coffer('init', `archive-${keyring}`, '--key-out', `${keyring}.txt`)
      expect(made.code).toBe(0)
      expect(made.stdout).toMatch(/It is not in a keychain: \S.*\./)
      const shown = await coffer('key', 'show', `archive-${keyring}`, '--json')
      expect([shown.code, shown.json]).toMatchObject([2, { error: { code: 'no_key' } }])
      await session?.end()
    }
  })
})
