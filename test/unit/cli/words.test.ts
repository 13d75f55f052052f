import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { amount, bytes, duration, moment, printable, table } from '../../../main/cli/words.ts'

describe('words for people', () => {
  it('writes sizes with three digits and the next unit where it begins', () => {
    const written = [0, 1, 999, 1000, 13_540_000, 447_600_000, 999_499, 999_500, 1_236_000_000, 2e15].map(bytes)
    expect(written).toEqual([
      '0 bytes',
      '1 byte',
      '999 bytes',
      '1 kB',
      '13.5 MB',
      '448 MB',
      '999 kB',
      '1 MB',
      '1.24 GB',
      '2,000 TB',
    ])
  })

  it('counts one and many', () => {
    expect([amount(0, 'file'), amount(1, 'file'), amount(3512, 'file'), amount(2, 'copy', 'copies')]).toEqual([
      '0 files',
      '1 file',
      '3,512 files',
      '2 copies',
    ])
  })

  it('writes durations as they are spoken of, without a 60 in them', () => {
    expect([0.04, 2.34, 9.96, 42.4, 59.6, 185, 3599.7, 7800].map(duration)).toEqual([
      '0.0 s',
      '2.3 s',
      '10 s',
      '42 s',
      '1 min 0 s',
      '3 min 5 s',
      '1 h 0 min',
      '2 h 10 min',
    ])
  })

  it('writes dates and ISO texts alike, and a dash for none', () => {
    const when = new Date(2026, 10, 23, 14, 2)
    expect(moment(when)).toBe('23 Nov 2026, 14:02')
    expect(moment(when.toISOString())).toBe('23 Nov 2026, 14:02')
    expect(moment(null)).toBe('–')
  })

  it('spells out whatever in a name could steer a terminal, and leaves every other character alone', () => {
    expect(printable('a\x1b[31m\n\u202e\u009b2Jb')).toBe('a\\u001b[31m\\u000a\\u202e\\u009b2Jb')
    expect(printable('Fotos von früher 👵🏽 – ágnes.jpg')).toBe('Fotos von früher 👵🏽 – ágnes.jpg')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/u)
      }),
    )
  })

  it('lines up columns, numbers to the right, and ends no line with spaces', () => {
    expect(
      table(
        [
          ['1', 'one', ''],
          ['12', 'a dozen', 'x'],
        ],
        { right: [0], indent: '  ' },
      ),
    ).toBe('   1  one\n  12  a dozen  x')
  })
})
