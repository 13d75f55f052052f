import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NamePlan, joined } from '../../../main/core/jobs/restore/name-plan.ts'
import { foldName, type NameRules, otherName, safeName, splitPath } from '../../../main/core/jobs/restore/safe-name.ts'

const linux: NameRules = { windows: false, rawBytes: true, ignoresCase: false, ignoresForm: false }
const mac: NameRules = { windows: false, rawBytes: false, ignoresCase: true, ignoresForm: true }
const windows: NameRules = { windows: true, rawBytes: false, ignoresCase: true, ignoresForm: false }
const all = { linux, mac, windows }

const safe = (name: string | Buffer, rules: NameRules): string => safeName(Buffer.from(name), rules).toString()

describe('a path from an archive', () => {
  it.each(['/etc/passwd', '../x', 'a/../../x', 'a/..', '.', './a', 'a//b', 'a/', '', 'a\0b', 'a/./b'])(
    'is refused when it is %j',
    (path) => {
      expect(splitPath(Buffer.from(path))).toBeUndefined()
    },
  )

  it('keeps names that only look like it', () => {
    for (const path of ['...', '..a', 'a..', '.hidden/..b', ' ', '~', '-rf'])
      expect(splitPath(Buffer.from(path))?.map(String), path).toEqual(path.split('/'))
  })

  it('never leads outside, whatever bytes it is made of', () => {
    const bytes = fc.array(fc.constantFrom(0, 0x2e, 0x2f, 0x5c, 0x3a, 0x41, 0xc3, 0xff), { maxLength: 12 })
    fc.assert(
      fc.property(bytes, fc.constantFrom(...Object.values(all)), (path, rules) => {
        const names = new NamePlan(rules).take(Buffer.from(path))?.names ?? []
        for (const name of names) {
          expect(name.length).toBeGreaterThan(0)
          expect(['.', '..']).not.toContain(name.toString('latin1'))
          expect(name.includes(0) || name.includes(0x2f)).toBe(false)
          if (rules.windows) expect(name.toString()).not.toMatch(/[\\:<>"|?*]|[. ]$/)
        }
      }),
    )
  })
})

describe('a name', () => {
  it('stays as it is under Linux, whatever it is', () => {
    for (const name of [
      'CON',
      'a:b',
      'x.',
      'new\nline',
      '😀'.repeat(63),
      'a'.repeat(255),
      '\\',
      '?*<>|"',
      ' ',
      'İ',
      'é',
      'e\u0301',
    ])
      expect(safe(name, linux), name).toBe(name)
    const raw = Buffer.from([0x61, 0xff, 0xfe])
    expect(safeName(raw, linux)).toEqual(raw)
  })

  it('loses on macOS only what is no Unicode', () => {
    for (const name of ['CON', 'a:b', 'x.', 'new\nline', '?*<>|"']) expect(safe(name, mac), name).toBe(name)
    expect(safeName(Buffer.from([0x61, 0xff]), mac).toString()).toBe('a\ufffd')
  })

  it.each([
    ['CON', '_CON'],
    ['con.txt', '_con.txt'],
    ['Con .tar.gz', '_Con .tar.gz'],
    ['NUL', '_NUL'],
    ['com1', '_com1'],
    ['COM¹.log', '_COM¹.log'],
    ['LPT9.', 'LPT9_'],
    ['conout$', '_conout$'],
    ['CONX', 'CONX'],
    ['COM10', 'COM10'],
    ['a:b', 'a_b'],
    ['file.txt:stream', 'file.txt_stream'],
    ['C:\\Windows', 'C__Windows'],
    ['dots...', 'dots___'],
    ['space ', 'space_'],
    ['a<b>c"d|e?f*g', 'a_b_c_d_e_f_g'],
    ['new\nline\u0001', 'new_line_'],
    ['.hidden', '.hidden'],
    ['é.jpg', 'é.jpg'],
  ])('that Windows cannot hold, %j, becomes %j', (name, expected) => {
    expect(safe(name, windows)).toBe(expected)
  })

  it('that is too long is cut between letters, keeps its ending and stays different from its like', () => {
    for (const rules of Object.values(all)) {
      const [a, b] = [`${'é'.repeat(300)}1.jpg`, `${'é'.repeat(300)}2.jpg`].map((name) =>
        safeName(Buffer.from(name), rules),
      )
      for (const name of [a, b]) {
        expect(name?.length).toBeLessThanOrEqual(255)
        expect(name?.toString()).toMatch(/^é+~[0-9a-f]{8}\.jpg$/)
      }
      expect(a?.equals(b ?? Buffer.alloc(0))).toBe(false)
    }
  })

  it('that is taken gets a number before its ending, and still fits', () => {
    expect(otherName(Buffer.from('IMG.jpg'), 2).toString()).toBe('IMG (2).jpg')
    expect(otherName(Buffer.from('.hidden'), 3).toString()).toBe('.hidden (3)')
    expect(otherName(Buffer.from('none'), 12).toString()).toBe('none (12)')
    const long = otherName(Buffer.from(`${'ü'.repeat(125)}.jpg`), 10)
    expect(long.length).toBeLessThanOrEqual(255)
    expect(long.toString()).toMatch(/^ü+ \(10\)\.jpg$/)
  })
})

describe('the plan of names', () => {
  function plan(paths: string[], rules: NameRules): Record<string, string> {
    const names = new NamePlan(rules)
    const sorted = paths.map((path) => Buffer.from(path)).sort((a, b) => Buffer.compare(a, b))
    return Object.fromEntries(sorted.map((path) => [path.toString(), joined(names.take(path)?.names ?? []).toString()]))
  }

  it('renames what a target takes for the same name, files and folders', () => {
    expect(plan(['M/IMG.jpg', 'M/img.JPG', 'M/img (2).JPG', 'Sent/a', 'sent/a', 'sent/b', 'SENT'], windows)).toEqual({
      'M/IMG.jpg': 'M/IMG.jpg',
      'M/img (2).JPG': 'M/img (2).JPG',
      'M/img.JPG': 'M/img (3).JPG',
      SENT: 'SENT',
      'Sent/a': 'Sent (2)/a',
      'sent/a': 'sent (3)/a',
      'sent/b': 'sent (3)/b',
    })
  })

  it('leaves them alone where they are two', () => {
    const paths = ['M/IMG.jpg', 'M/img.jpg', 'm/x', 'é', 'e\u0301']
    expect(plan(paths, linux)).toEqual(Object.fromEntries(paths.map((path) => [path, path])))
  })

  it('tells composed from decomposed letters only where the target does', () => {
    expect(plan(['x/é', 'x/e\u0301'], mac)).toEqual({ 'x/e\u0301': 'x/e\u0301', 'x/é': 'x/é (2)' })
    expect(plan(['x/é', 'x/e\u0301'], windows)).toEqual({ 'x/e\u0301': 'x/e\u0301', 'x/é': 'x/é' })
  })

  it('keeps what SQLite looks for beside a database from every file', () => {
    for (const rules of [linux, windows]) {
      const names = new NamePlan(rules)
      names.take(Buffer.from('a.db'))
      names.reserve(Buffer.from('a.db-wal'))
      expect(String(names.take(Buffer.from('a.db-wal'))?.names[0])).toBe('a (2).db-wal')
      expect(String(names.take(Buffer.from('a.db'))?.names[0])).toBe('a (2).db')
    }
  })

  it('gives no two files of one backup the same name, whatever they are called', () => {
    const name = fc.stringMatching(/^[aAbBéÉ.: ]{1,4}$/)
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 30 }), fc.constantFrom(mac, windows), (paths, rules) => {
        // A file whose path is another's folder cannot have been backed up.
        const honest = paths.filter(
          (one) => splitPath(Buffer.from(one)) && !paths.some((other) => other.startsWith(`${one}/`)),
        )
        const planned = Object.values(plan(honest, rules)).map((it) => foldName(Buffer.from(it), rules))
        expect(new Set(planned).size).toBe(honest.length)
        for (const one of planned) expect(planned.some((other) => other.startsWith(`${one}/`))).toBe(false)
      }),
      { numRuns: 300 },
    )
  })
})
