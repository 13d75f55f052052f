import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CofferError } from '../../../contract/errors.ts'
import { findKey, type KeySource } from '../../../main/cli/key-source.ts'
import type { PasswordSource } from '../../../main/cli/password-source.ts'
import { writeKeyFile } from '../../../main/core/keys/key-file.ts'
import type { Secret } from '../../../main/core/keys/secret.ts'
import { readKey, showCode, showDigits } from '../../../main/core/keys/sixty-four-digits.ts'
import { codeOf, failureOf } from '../destinations/looking.ts'

const digits = (digit: string): string => digit.repeat(64)
const key = (digit: string): Secret => readKey(digits(digit)).key
const archiveId = 'ab'.repeat(16)

let folder: string
let notes: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-key-'))
  notes = []
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

function source(parts: Partial<KeySource> = {}): KeySource {
  return {
    keyFile: undefined,
    env: {},
    keychain: undefined,
    ask: undefined,
    note: (text) => notes.push(text),
    ...parts,
  }
}
async function found(parts: Partial<KeySource>, id: string | undefined = archiveId): Promise<[string, string]> {
  const { key: secret, from } = await findKey(source(parts), id)
  return [from, showDigits(secret).replaceAll(' ', '')]
}
const keychainWith = (secret: Secret | undefined): KeySource['keychain'] => ({
  get: (id) => Promise.resolve(id === archiveId ? secret : undefined),
})
const noKeychain: KeySource['keychain'] = {
  get: () =>
    Promise.reject(new CofferError('keychain_unavailable', { fault: 'no_service', reason: 'No keychain here.' })),
}

describe('where the key comes from', () => {
  it('is the file named, then COFFER_KEY, then the keychain, then the person', async () => {
    const keyFile = join(folder, 'key')
    await writeKeyFile(keyFile, key('1'), archiveId)
    const all = {
      keyFile,
      env: { COFFER_KEY: digits('2') },
      keychain: keychainWith(key('3')),
      ask: () => Promise.resolve(digits('4')),
    }
    expect(await found({ ...all })).toEqual(['key file', digits('1')])
    expect(await found({ ...all, keyFile: undefined, env: { COFFER_KEY: digits('2') } })).toEqual([
      'COFFER_KEY',
      digits('2'),
    ])
    expect(await found({ ...all, keyFile: undefined, env: {} })).toEqual(['keychain', digits('3')])
    expect(
      await found({ ...all, keyFile: undefined, env: { COFFER_KEY: '' }, keychain: keychainWith(undefined) }),
    ).toEqual(['prompt', digits('4')])
  })

  it('does not go on to the next when the one that was given is wrong', async () => {
    const rest = { keychain: keychainWith(key('3')), ask: () => Promise.resolve(digits('4')) }
    writeFileSync(join(folder, 'not-a-key'), 'hello', { mode: 0o600 })
    expect(await codeOf(findKey(source({ ...rest, keyFile: join(folder, 'not-a-key') }), archiveId))).toBe(
      'key_malformed',
    )
    expect(await codeOf(findKey(source({ ...rest, keyFile: join(folder, 'absent') }), archiveId))).toBe('file_failed')
    expect(await codeOf(findKey(source({ ...rest, env: { COFFER_KEY: 'abc' } }), archiveId))).toBe('key_malformed')
  })

  const wrong = new CofferError('wrong_password', { attemptsLeft: 8, tries: '8 tries left …' })
  /** A vault that knows one password. */
  const guarded = (changes: Partial<PasswordSource> = {}): PasswordSource => ({
    given: undefined,
    ask: undefined,
    unlock: (password) =>
      password.toString() === 'right'
        ? Promise.resolve({ key: key('7'), newest: null, warnings: [] })
        : Promise.reject(wrong),
    ...changes,
  })

  it('is the password before everything else when it was given, and nothing else when it is wrong', async () => {
    const rest = { env: { COFFER_KEY: digits('2') }, keychain: keychainWith(key('3')) }
    expect(await found({ ...rest, password: guarded({ given: () => Promise.resolve(Buffer.from('right')) }) })).toEqual(
      ['password', digits('7')],
    )
    const bad = guarded({ given: () => Promise.resolve(Buffer.from('bad')) })
    expect(await codeOf(findKey(source({ ...rest, password: bad }), archiveId))).toBe('wrong_password')
    expect(await codeOf(findKey(source({ ...rest, keyFile: '/a/key', password: bad }), archiveId))).toBe('usage')
  })

  it('is asked for as the password first, where the archive has one; whoever enters none types the digits', async () => {
    const answers = ['bad', 'right']
    const ask = () => Promise.resolve(Buffer.from(answers.shift() ?? ''))
    expect(await found({ password: guarded({ ask }), ask: () => Promise.resolve(digits('4')) })).toEqual([
      'password',
      digits('7'),
    ])
    expect(notes).toEqual(['This is not the password. 8 tries left … You can use the 64-digit key instead.'])
    expect(await found({ password: guarded({ ask }), ask: () => Promise.resolve(digits('4')) })).toEqual([
      'prompt',
      digits('4'),
    ])
    expect(await found({ password: guarded({ ask }), keychain: keychainWith(key('3')) })).toEqual([
      'keychain',
      digits('3'),
    ])
  })

  it('is asked for as the password three times at most: each costs a try', async () => {
    let asked = 0
    const ask = () => Promise.resolve(Buffer.from(`wrong ${asked++}`))
    expect(await codeOf(findKey(source({ password: guarded({ ask }) }), archiveId))).toBe('wrong_password')
    expect(asked).toBe(3)
  })

  it('takes COFFER_KEY out of the environment once it is read, so that nothing started later has it', async () => {
    const env = { COFFER_KEY: digits('2'), PATH: '/bin' }
    await found({ env })
    expect(env).toEqual({ PATH: '/bin' })
  })

  it('asks no keychain about an archive whose id cannot be read', async () => {
    expect(await codeOf(findKey(source({ keychain: keychainWith(key('3')) }), undefined))).toBe('no_key')
  })

  it('goes on where there is no keychain, and says why there was none when nobody has the key', async () => {
    expect(await found({ keychain: noKeychain, ask: () => Promise.resolve(digits('4')) })).toEqual([
      'prompt',
      digits('4'),
    ])
    expect(await failureOf(findKey(source({ keychain: noKeychain }), archiveId))).toMatchObject({
      code: 'no_key',
      detail: { keychain: 'No keychain here.' },
    })
  })

  it('passes on a bug in the keychain instead of hiding it', async () => {
    await expect(
      findKey(source({ keychain: { get: () => Promise.reject(new TypeError('bug')) } }), archiveId),
    ).rejects.toThrow('bug')
  })

  it('lets a slip at the prompt be put right, three times in all, and says what was wrong', async () => {
    const answers = ['', `${digits('4').slice(1)}O`, digits('4')]
    expect(await found({ ask: () => Promise.resolve(answers.shift() ?? '') })).toEqual(['prompt', digits('4')])
    expect(notes).toHaveLength(2)
    expect(notes[1]).toContain('Group 16, position 4')
    let asked = 0
    expect(await codeOf(findKey(source({ ask: () => Promise.resolve(String(asked++)) }), archiveId))).toBe(
      'key_malformed',
    )
    expect(asked).toBe(3)
  })

  it('does not ask again when the person gives up', async () => {
    let asked = 0
    const ask = (): Promise<string> => {
      asked++
      return Promise.reject(new CofferError('cancelled'))
    }
    expect(await codeOf(findKey(source({ ask }), archiveId))).toBe('cancelled')
    expect(asked).toBe(1)
  })

  it('refuses a recovery sheet of another archive before anything is tried', async () => {
    const code = showCode(key('5'), { id: 'cd'.repeat(16), check: '01234567' })
    expect(await failureOf(findKey(source({ env: { COFFER_KEY: code } }), archiveId))).toMatchObject({
      code: 'wrong_key',
      detail: { from: 'COFFER_KEY' },
    })
    expect(await found({ env: { COFFER_KEY: code } }, 'cd'.repeat(16))).toEqual(['COFFER_KEY', digits('5')])
  })

  it.skipIf(process.platform === 'win32')('tells the person when others can read the key file', async () => {
    const keyFile = join(folder, 'key')
    await writeKeyFile(keyFile, key('1'), archiveId)
    await found({ keyFile })
    expect(notes).toEqual([])
    chmodSync(keyFile, 0o644)
    await found({ keyFile })
    expect(notes).toEqual([`Others on this computer can read the key file. Make it yours alone: chmod 600 ${keyFile}`])
  })
})
