import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { passwordText, Unusable } from '../../../main/core/vault/password-text.ts'
import { strengthFloor, strengthOf } from '../../../main/core/vault/strength.ts'
import { thrownBy } from './thrown.ts'

const textOf = (text: string): string => passwordText(Buffer.from(text))

describe('a password as it is typed', () => {
  it('is the same whether its letters came composed or not, and by whichever space', () => {
    expect(textOf('Gießkanne u\u0308ber 7')).toBe(textOf('Gießkanne \u00fcber 7'))
    expect(textOf('two\u00a0words')).toBe('two words')
    expect(textOf('two\u3000words')).toBe('two words')
  })

  it('is otherwise what was typed: no case, width or space at its ends is changed', () => {
    expect(textOf('  Spaces ')).toBe('  Spaces ')
    expect(textOf('\uff21\uff22C')).toBe('\uff21\uff22C')
    expect(textOf('\u00bd \ufb01')).toBe('\u00bd \ufb01')
    expect(textOf('пароль 密码 🔑')).toBe('пароль 密码 🔑')
  })

  it('is refused, with the reason, when it cannot be one', () => {
    const refused = (bytes: Uint8Array): unknown => thrownBy(() => passwordText(bytes))
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(1025, 'a'),
      Buffer.from([0x61, 0xff]),
      Buffer.from('tab\there'),
      Buffer.from('nul\0'),
      Buffer.from('\ufeffmark'),
      Buffer.from('line\u2028'),
      // Composing makes it longer: U+0958 becomes two letters.
      Buffer.from('\u0958'.repeat(341)),
    ])
      expect(refused(bytes), bytes.subarray(0, 20).toString('hex')).toBeInstanceOf(Unusable)
  })

  it('is any bytes at all without breaking anything, and preparing it twice changes nothing', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 1100 }),
          fc.string({ unit: 'binary' }).map((it) => Buffer.from(it)),
        ),
        (bytes) => {
          try {
            const text = passwordText(bytes)
            expect(textOf(text)).toBe(text)
          } catch (error) {
            expect(error).toBeInstanceOf(Unusable)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('the strength of a password', () => {
  it.each(['hunter2', 'password', 'Summer2024!', 'qwertyuiop', 'a'.repeat(500), 'abc', 'äöü', 'P@ssw0rd1'])(
    'is below the floor for one that is guessed early: %s',
    async (password) => {
      const { score, reason, suggestion } = await strengthOf(password, [])
      expect(score).toBeLessThan(strengthFloor)
      expect([reason, suggestion]).toEqual([expect.stringMatching(/^[A-Z].*\.$/), expect.stringMatching(/^[A-Z].*\.$/)])
    },
  )

  it.each(['correct horse battery staple', 'plum-orbit-candle-93', 'Blaue Gießkanne im Wald 7', 'xK9$mQ2@vL5!'])(
    'reaches it for words that have nothing to do with each other, and for many random signs: %s',
    async (password) => {
      expect((await strengthOf(password, [])).score).toBeGreaterThanOrEqual(strengthFloor)
    },
  )

  it('counts what others know for nothing: the name of the person, the address of the vault', async () => {
    const known = ['adalovelace1815', 'vault.example.org']
    for (const password of ['adalovelace1815', 'vault.example.org', 'example1'])
      expect((await strengthOf(password, known)).score, password).toBeLessThan(strengthFloor)
    expect((await strengthOf('adalovelace1815', known)).reason).toContain('others know')
  })
})
