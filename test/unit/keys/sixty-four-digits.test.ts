import { describe, expect, it } from 'vitest'
import { CofferError } from '../../../contract/errors.ts'
import { holdSecret, withSecret } from '../../../main/core/keys/secret.ts'
import { makeKey, readKey, showCode, showDigits, showLines } from '../../../main/core/keys/sixty-four-digits.ts'

const hex = '00112233445566778899aabbccddeeff0123456789abcdef0f1e2d3c4b5a6978'
const shown = '0011 2233 4455 6677 8899 aabb ccdd eeff 0123 4567 89ab cdef 0f1e 2d3c 4b5a 6978'
const key = () => holdSecret(Buffer.from(hex, 'hex'))
const read = (text: string) => withSecret(readKey(text).key, (bytes) => bytes.toString('hex'))
const archive = { id: '00ff'.repeat(8), check: 'deadbeef' }

function fault(text: string): CofferError {
  try {
    readKey(text)
  } catch (error) {
    if (error instanceof CofferError) return error
    throw error
  }
  throw new Error('it was accepted')
}

describe('a key', () => {
  it('is shown in 16 groups of 4, or in four lines of them', () => {
    expect(showDigits(key())).toBe(shown)
    expect(showLines(key()).join(' ')).toBe(shown)
    expect(showLines(key())).toHaveLength(4)
  })

  it('is new each time one is made, and reads back as itself', () => {
    const made = Array.from({ length: 10 }, () => showDigits(makeKey()))
    expect(new Set(made).size).toBe(10)
    for (const digits of made) expect(read(digits)).toBe(digits.replaceAll(' ', ''))
  })
})

describe('reading a key', () => {
  it.each([
    ['as it is shown', shown],
    ['without any spaces', hex],
    ['in capitals', shown.toUpperCase()],
    ['in both cases mixed', `${hex.slice(0, 32)}${hex.slice(32).toUpperCase()}`],
    ['with dashes', shown.replaceAll(' ', '-')],
    [
      'with dashes of other kinds',
      shown.replaceAll(' ', ' – ').replace('–', '—').replace('–', '−').replace('–', '\u2011'),
    ],
    ['over several lines', shown.replaceAll(' ', '\n')],
    ['with Windows line breaks and tabs', shown.replaceAll(' ', '\t\r\n')],
    ['with spaces of other kinds', shown.replaceAll(' ', '\u00a0\u2003\u3000\u202f')],
    ['with invisible marks from copying', `\ufeff\u2066${shown.replaceAll(' ', '\u200b')}\u2069\u00ad`],
    ['with remarks', `# the key of my archive\n${shown}\n  # kept in the safe`],
  ])('works %s', (_, text) => {
    expect(read(text)).toBe(hex)
  })

  it('works with the text of a recovery sheet’s code, and gives the archive and its check', () => {
    const code = showCode(key(), archive)
    expect(code).toBe(`COFFER1:${hex}:${archive.id}:deadbeef`)
    for (const text of [
      code,
      code.toUpperCase(),
      ` ${code}\n`,
      `\u200e${code}`,
      `${code.slice(0, 50)}\n${code.slice(50)}`,
    ]) {
      const { key: found, archiveId, check } = readKey(text)
      expect(withSecret(found, (bytes) => bytes.toString('hex'))).toBe(hex)
      expect({ archiveId, check }).toEqual({ archiveId: archive.id, check: 'deadbeef' })
    }
  })
})

describe('a malformed key', () => {
  it.each([
    ['O', '0'],
    ['o', '0'],
    ['l', '1'],
    ['I', '1'],
    ['i', '1'],
    ['|', '1'],
  ])('with %s in it is refused, naming the place and the likely slip', (wrong, meant) => {
    const { code, detail } = fault(`${shown.slice(0, 12)}${wrong}${shown.slice(13)}`)
    expect(code).toBe('key_malformed')
    expect(detail).toMatchObject({ fault: 'character', group: 3, position: 3, meant })
    expect(detail['reason']).toContain(`Group 3, position 3`)
    expect(detail['reason']).toContain(`the digit ${meant} is meant`)
  })

  it.each(['g', 'x', '.', '٣', '🔑', '\0'])(
    'with another character (%j) is refused, naming the place only',
    (wrong) => {
      expect(fault(`${hex.slice(0, 63)}${wrong}`).detail).toEqual({
        fault: 'character',
        group: 16,
        position: 4,
        reason: expect.stringContaining('Group 16, position 4'),
      })
    },
  )

  it.each([0, 1, 63, 65, 128])('of %i digits is refused, saying how many there are', (digits) => {
    const text = hex.repeat(3).slice(0, digits)
    expect(fault(text).detail).toEqual({ fault: 'length', digits, reason: expect.stringContaining(`${digits} digits`) })
  })

  it.each([
    'COFFER1:',
    `COFFER2:${hex}:${archive.id}:deadbeef`,
    `COFFER1:${hex}`,
    `COFFER1:${hex}:${archive.id}`,
    `COFFER1:${hex}:${archive.id}:deadbee`,
    `COFFER1:${hex}:${archive.id.slice(2)}:deadbeef`,
    `COFFER1:${hex}:${archive.id}:deadbeef:more`,
    `COFFER1:${hex}:zz${archive.id.slice(2)}:deadbeef`,
  ])('that only begins like a code is refused (%#)', (text) => {
    expect(fault(text).detail).toMatchObject({ fault: 'code' })
  })

  it('inside a code is named like any other', () => {
    expect(fault(`COFFER1:${hex.slice(1)}:${archive.id}:deadbeef`).detail).toMatchObject({
      fault: 'length',
      digits: 63,
    })
  })

  it('of any size is refused at once when it is too long to be one', () => {
    expect(fault(' '.repeat(1_000_000)).detail).toMatchObject({ fault: 'too_long' })
  })

  it('never has its digits repeated in the error', () => {
    for (const text of [`${hex}0`, `${hex.slice(0, 40)}O${hex.slice(41)}`, `COFFER1:${hex}:x`, `${shown} zz`]) {
      const error = fault(text)
      const said = `${error.message} ${error.stack ?? ''} ${JSON.stringify(error.detail)}`.toLowerCase()
      for (let at = 0; at + 4 <= hex.length; at += 4) expect(said.includes(` ${hex.slice(at, at + 4)} `)).toBe(false)
      expect(said).not.toContain(hex.slice(8, 16))
    }
  })
})
