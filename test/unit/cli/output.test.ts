import { describe, expect, it } from 'vitest'
import { CofferError, describe as wordsOf, errorCodes } from '../../../contract/errors.ts'
import { describeFailure, exitOf, jsonDocument, jsonWarnings, warningLines } from '../../../main/cli/output.ts'

describe('what a command says at its end', () => {
  it('gives every error code its exit code, its sentence and its next step, in words and in JSON', () => {
    for (const code of errorCodes) {
      const failure = describeFailure(new CofferError(code, { object: 'packs/ab', free: 7, why: null }))
      const { exit, say, next } = wordsOf(code)
      expect(failure.exit).toBe(exit)
      expect(failure.text).toBe(`${say}\n  object: packs/ab\n  free: 7\n${next}`)
      expect(failure.json).toEqual({ error: { code, message: say, next, object: 'packs/ab', free: 7, why: null } })
    }
  })

  it('lets no detail take the place of the code, the message or the next step', () => {
    const { json } = describeFailure(
      new CofferError('wrong_key', { code: 'x', message: 'x', next: 'x', from: 'prompt' }),
    )
    expect(json).toEqual({
      error: { code: 'wrong_key', message: wordsOf('wrong_key').say, next: wordsOf('wrong_key').next, from: 'prompt' },
    })
  })

  it('says a better next step where the command knows one', () => {
    const failure = describeFailure(
      new CofferError('usage', { reason: 'A command is needed.' }),
      'See “coffer --help”.',
    )
    expect(failure.text).toBe('The command was not understood.\n  A command is needed.\nSee “coffer --help”.')
    expect(failure.json).toMatchObject({ error: { next: 'See “coffer --help”.' } })
  })

  it('names a mistake of ours without its stack', () => {
    const failure = describeFailure(new TypeError('x is not a function\nsecond line'))
    expect(failure.exit).toBe(70)
    expect(failure.json).toMatchObject({ error: { code: 'unexpected', reason: 'TypeError: x is not a function' } })
    expect(JSON.stringify(failure)).not.toMatch(/second line|\.ts:/)
  })

  it('prints one JSON document, with times in UTC, on one line unless a person reads it', () => {
    const value = { newest: new Date(Date.UTC(2026, 10, 23, 14, 2)), list: [1] }
    expect(jsonDocument(value, false)).toBe('{"newest":"2026-11-23T14:02:00.000Z","list":[1]}\n')
    expect(JSON.parse(jsonDocument(value, true))).toEqual({ newest: '2026-11-23T14:02:00.000Z', list: [1] })
  })

  it('ends with 1 when there are warnings, with 0 when there are none, and with what the command says otherwise', () => {
    const warnings = [{ code: 'file_vanished', detail: { path: 'a' } }] as const
    expect([
      exitOf({ json: {}, text: '' }),
      exitOf({ json: {}, text: '', warnings: [] }),
      exitOf({ json: {}, text: '', warnings }),
    ]).toEqual([0, 0, 1])
    expect(exitOf({ json: {}, text: '', warnings, exit: 4 })).toBe(4)
  })

  it('explains warnings once a kind, shows ten of each and counts the rest, and spells out what a name hides', () => {
    const vanished = Array.from(
      { length: 12 },
      (_, i) => ({ code: 'file_vanished', detail: { path: `Media/${i}\u001b[2J` } }) as const,
    )
    const lines = warningLines([...vanished, { code: 'fork', detail: {} }]).split('\n')
    expect(lines.filter((line) => line.startsWith('Warning: '))).toHaveLength(2)
    expect(lines).toContain('  path: Media/9\\u001b[2J')
    expect(lines).toContain('  … and 2 more (--json lists all)')
    expect(jsonWarnings(vanished)).toHaveLength(12)
    expect(jsonWarnings(vanished)[0]).toEqual({
      code: 'file_vanished',
      message: wordsOf('file_vanished').say,
      next: wordsOf('file_vanished').next,
      path: 'Media/0\u001b[2J',
    })
  })

  it('tells tries in words to people, and in numbers to programs', () => {
    const { code, detail } = new CofferError('wrong_password', {
      vault: 'vault.example.org',
      attemptsLeft: 9,
      charged: true,
      tries: '9 tries left before the password stops working for good.',
    })
    const { text, json, exit } = describeFailure(new CofferError(code, detail))
    expect(text).toBe(
      [
        'This is not the password.',
        '  vault: vault.example.org',
        '  9 tries left before the password stops working for good.',
        'Try again, or use the 64-digit key instead.',
      ].join('\n'),
    )
    expect([exit, json]).toMatchObject([3, { error: { attemptsLeft: 9, charged: true } }])
    const last = new Date(2026, 10, 23, 14, 5).toISOString()
    expect(warningLines([{ code: 'passwords_tried', detail: { count: 3, first: last, last } }])).toBe(
      [
        'Warning: Wrong passwords were tried for this archive.',
        '  3 wrong passwords, the last on 23 Nov 2026, 14:05.',
        '  If that was not you, change your password with “coffer password change”.',
      ].join('\n'),
    )
  })
})
