import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CofferError } from '../../contract/errors.ts'
import { withSecret } from '../../main/core/keys/secret.ts'
import { readKey } from '../../main/core/keys/sixty-four-digits.ts'

const hex = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const meaningless = fc.constantFrom('', ' ', '-', '\n', '\r\n', '\t', '\u00a0', '\u2013', '\u200b', '\u2028', ' - ')

describe('whatever is given as a key', () => {
  it('is either read or refused as key_malformed, never anything else', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEFOolI:- \n#COFFER1'), maxLength: 300 }),
      fc
        .tuple(hex, fc.nat(63), fc.string({ unit: 'binary', maxLength: 3 }))
        .map(([key, at, put]) => key.slice(0, at) + put + key.slice(at + 1)),
      fc
        .array(fc.oneof(hex, fc.constantFrom(':', 'COFFER1', '#', '\n')), { maxLength: 8 })
        .map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(anything, (text) => {
        try {
          readKey(text).key.dispose()
        } catch (error) {
          expect(error).toBeInstanceOf(CofferError)
          expect(error).toMatchObject({ code: 'key_malformed' })
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('is read exactly, however it is spaced, dashed and capitalised', () => {
    fc.assert(
      fc.property(
        hex,
        fc.array(meaningless, { minLength: 65, maxLength: 65 }),
        fc.infiniteStream(fc.boolean()),
        (key, gaps, capitals) => {
          const text = [...key]
            .map((digit, i) => (gaps[i] ?? '') + (capitals.next().value === true ? digit.toUpperCase() : digit))
            .join('')
          expect(withSecret(readKey(`${text}${gaps[64] ?? ''}`).key, (bytes) => bytes.toString('hex'))).toBe(key)
        },
      ),
    )
  })

  it('with one wrong character is refused at exactly its place', () => {
    fc.assert(
      fc.property(
        hex,
        fc.nat(63),
        fc.constantFrom(...'ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ.,;*+/'),
        (key, at, wrong) => {
          const read = () => readKey(key.slice(0, at) + wrong + key.slice(at + 1))
          expect(read).toThrow(
            expect.objectContaining({
              detail: expect.objectContaining({ group: Math.floor(at / 4) + 1, position: (at % 4) + 1 }),
            }),
          )
        },
      ),
    )
  })
})
