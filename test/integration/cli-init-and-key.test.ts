import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { newPerson, type Person } from './command-line.ts'

let person: Person
beforeEach(() => {
  person = newPerson()
})
afterEach(() => {
  person.leave()
})
const at = (...path: string[]): string => join(person.folder, ...path)

describe('coffer init', () => {
  it('makes an archive and a key file for its owner alone, and says in JSON where they are', async () => {
    const made = await person.coffer('init', 'archive', '--key-out', 'key.txt', '--json')
    expect(made).toMatchObject({ code: 0, stderr: '' })
    expect(made.json).toEqual({
      archiveId: expect.stringMatching(/^[0-9a-f]{32}$/),
      keyFile: at('key.txt'),
      keychain: false,
    })
    expect(readdirSync(at('archive')).toSorted()).toEqual(['coffer.json', 'coffer.previous.json'])
    if (process.platform !== 'win32') expect(statSync(at('key.txt')).mode & 0o777).toBe(0o600)
    expect(readFileSync(at('key.txt'), 'utf8')).toMatch(/^([0-9a-f]{4} ){15}[0-9a-f]{4}\n/)
  })

  it('says the same in words, and never shows the key', async () => {
    const made = await person.coffer('init', 'archive', '--key-out', 'key.txt', '--no-keychain')
    expect(made.stdout).toContain(`Made an archive in ${at('archive')}.\nIts 64-digit key is in ${at('key.txt')}.`)
    const group = readFileSync(at('key.txt'), 'utf8').slice(0, 9)
    expect(made.stdout + made.stderr).not.toContain(group)
  })

  it('refuses when nothing would hold the key, and leaves nothing behind', async () => {
    for (const args of [['--no-keychain'], []]) {
      const refused = await person.coffer('init', 'archive', '--json', ...args)
      expect(refused.code).toBe(2)
      expect(refused.json).toMatchObject({ error: { code: 'key_not_kept' } })
      expect(existsSync(at('archive'))).toBe(false)
    }
  })

  it('never overwrites a key file, an archive or other files', async () => {
    writeFileSync(at('key.txt'), 'precious')
    expect((await person.coffer('init', 'archive', '--key-out', 'key.txt', '--json')).json).toMatchObject({
      error: { code: 'key_file_exists' },
    })
    expect(existsSync(at('archive'))).toBe(false)
    await person.coffer('init', 'archive', '--key-out', 'key2.txt')
    const header = readFileSync(at('archive', 'coffer.json'))
    expect((await person.coffer('init', 'archive', '--key-out', 'key3.txt', '--json')).json).toMatchObject({
      error: { code: 'archive_exists' },
    })
    expect((await person.coffer('init', '.', '--key-out', 'key3.txt', '--json')).json).toMatchObject({
      error: { code: 'not_empty' },
    })
    expect(readFileSync(at('archive', 'coffer.json'))).toEqual(header)
    expect(readFileSync(at('key.txt'), 'utf8')).toBe('precious')
    expect(existsSync(at('key3.txt'))).toBe(false)
  })

  it('does not let the key lie in the archive it opens, also by way of a link', async () => {
    mkdirSync(at('archive', 'deeper'), { recursive: true })
    mkdirSync(at('empty'))
    symlinkSync(at('empty'), at('link'))
    for (const [archive, keyOut] of [
      ['empty', 'empty/key.txt'],
      ['empty', 'link/key.txt'],
      ['link', 'empty/key.txt'],
    ] as const) {
      const refused = await person.coffer('init', archive, '--key-out', keyOut, '--json')
      expect(refused.code).toBe(2)
      expect(refused.json).toMatchObject({
        error: { code: 'usage', reason: expect.stringContaining('inside the archive') },
      })
    }
    expect(readdirSync(at('empty'))).toEqual([])
  })

  it('undoes the archive when the key file cannot be written', async () => {
    const failed = await person.coffer('init', 'archive', '--key-out', 'absent/key.txt', '--json')
    expect(failed.json).toMatchObject({ error: { code: 'file_failed' } })
    expect(existsSync(at('archive'))).toBe(false)
  })
})

describe('coffer key', () => {
  beforeEach(async () => {
    await person.coffer('init', 'archive', '--key-out', 'key.txt')
  })
  const groups = (): string => readFileSync(at('key.txt'), 'utf8').split('\n', 1)[0] ?? ''

  it('shows the key in 16 groups of 4', async () => {
    const shown = await person.coffer('key', 'show', 'archive', '--key-file', 'key.txt')
    expect(shown.code).toBe(0)
    expect(shown.stdout.trim().split(/\s+/).join(' ')).toBe(groups())
    expect((await person.coffer('key', 'show', 'archive', '--key-file', 'key.txt', '--json')).json).toMatchObject({
      key: groups(),
    })
  })

  it('says whether a key opens this archive: 0 and ok, or 3 before anything is downloaded', async () => {
    const right = await person.with({ COFFER_KEY: groups().replaceAll(' ', '').toUpperCase() })(
      'key',
      'check',
      'archive',
      '--json',
    )
    expect([right.code, right.json]).toEqual([0, { ok: true }])
    const another = await person.with({ COFFER_KEY: 'ab'.repeat(32) })('key', 'check', 'archive', '--json')
    expect([another.code, another.json]).toMatchObject([3, { error: { code: 'wrong_key', from: 'COFFER_KEY' } }])
    const short = await person.with({ COFFER_KEY: groups().slice(0, -1) })('key', 'check', 'archive', '--json')
    expect([short.code, short.json]).toMatchObject([3, { error: { code: 'key_malformed', digits: 63 } }])
    const none = await person.coffer('key', 'check', 'archive', '--json')
    expect([none.code, none.json]).toMatchObject([2, { error: { code: 'no_key' } }])
  })

  it('makes a recovery sheet that is a key file itself, and leaves an existing file as it is', async () => {
    const made = await person.coffer('key', 'sheet', 'archive', '--key-file', 'key.txt', '--out', 'sheet.pdf', '--json')
    expect([made.code, made.json]).toMatchObject([0, { sheet: at('sheet.pdf') }])
    expect(readFileSync(at('sheet.pdf')).subarray(0, 5).toString()).toBe('%PDF-')
    if (process.platform !== 'win32') expect(statSync(at('sheet.pdf')).mode & 0o777).toBe(0o600)
    expect((await person.coffer('key', 'check', 'archive', '--key-file', 'sheet.pdf', '--json')).json).toEqual({
      ok: true,
    })
    expect(
      (await person.coffer('key', 'sheet', 'archive', '--key-file', 'key.txt', '--out', 'sheet.pdf', '--json')).json,
    ).toMatchObject({ error: { code: 'file_exists' } })
    expect(
      (await person.coffer('key', 'sheet', 'archive', '--key-file', 'key.txt', '--out', 'archive/sheet.pdf', '--json'))
        .json,
    ).toMatchObject({ error: { code: 'usage' } })
  })

  it('refuses the recovery sheet of another archive', async () => {
    await person.coffer('init', 'other', '--key-out', 'other.txt')
    await person.coffer('key', 'sheet', 'other', '--key-file', 'other.txt', '--out', 'other.pdf')
    const refused = await person.coffer('key', 'check', 'archive', '--key-file', 'other.pdf', '--json')
    expect([refused.code, refused.json]).toMatchObject([3, { error: { code: 'wrong_key', from: 'key file' } }])
  })

  it('does not ask for a key where there is no archive', async () => {
    mkdirSync(at('empty'))
    expect((await person.coffer('key', 'show', 'empty', '--json')).json).toMatchObject({
      error: { code: 'not_an_archive' },
    })
    expect((await person.coffer('key', 'show', 'absent', '--json')).json).toMatchObject({
      error: { code: 'destination_unreachable' },
    })
  })

  it('finds the key by the second copy of the header when the first is gone or damaged, and says so when it is none', async () => {
    writeFileSync(at('archive', 'coffer.json'), 'damaged')
    expect((await person.coffer('key', 'check', 'archive', '--key-file', 'key.txt', '--json')).json).toEqual({
      ok: true,
    })
    writeFileSync(at('archive', 'coffer.previous.json'), 'damaged')
    const damaged = await person.coffer('key', 'check', 'archive', '--key-file', 'key.txt', '--json')
    expect([damaged.code, damaged.json]).toMatchObject([4, { error: { code: 'header_altered' } }])
  })
})
