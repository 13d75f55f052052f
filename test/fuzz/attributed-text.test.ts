import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attributedText } from '../../main/core/stores/attributed-text.ts'
import { messageText } from '../../main/core/stores/imessage.ts'
import { attributedBody, mutableAttributedBody, streamHead, streamNumber } from '../fixtures/attributed-body.ts'

describe('the text of an attributed body', () => {
  it('is read from the bytes that a real one has', () => {
    // An attributed string of six letters as NSArchiver wrote it, from a public question on the format.
    const real = Buffer.from(
      '040b73747265616d747970656481e803840140848484124e5341747472696275746564537472696e67008484084e534f626a656374008592848484084e53537472696e67' +
        '019484012b064665736b6572868402694901069284848' +
        '40c4e5344696374696f6e617279009484016901928496961d5f5f6b494d4d657373616765506172744174747269627574654e616d658692848484084e534e756d626572008484074e5356616c7565009484012a8499990086868' +
        '6',
      'hex',
    )
    expect(attributedText(real)).toBe('Fesker')
    // The maker that the other tests use writes the same.
    expect(attributedBody('Fesker').equals(real)).toBe(true)
  })

  it('comes back whatever it is, short or long, in every script', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.integer({ min: 120, max: 140_000 }).map((length) => 'ä'.repeat(length)),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const expected = Buffer.from(text).toString('utf8')
        expect(attributedText(attributedBody(text))).toBe(expected)
        expect(attributedText(mutableAttributedBody(text))).toBe(expected)
      }),
      { numRuns: 300 },
    )
  })

  it('is text or nothing, never an error, whatever the bytes are', () => {
    const whole = mutableAttributedBody('A walk along the river, then soup')
    const damaged = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }).map((flips) => {
      const bytes = Buffer.from(whole)
      for (const [at, value] of flips) bytes[at] = value
      return bytes
    })
    const continued = fc.uint8Array({ maxLength: 200 }).map((tail) => Buffer.concat([streamHead, tail]))
    fc.assert(
      fc.property(fc.oneof(damaged, continued, fc.uint8Array({ maxLength: 300 })), (bytes) => {
        const text = attributedText(bytes)
        expect(text === null || text.length <= bytes.length).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })

  it('is nothing wherever the stream is cut before its end', () => {
    const whole = attributedBody('seven')
    const complete = whole.indexOf('seven') + 5
    for (let length = 0; length < whole.length; length++) {
      expect(attributedText(whole.subarray(0, length))).toBe(length < complete ? null : 'seven')
    }
  })

  it('is nothing when a length says more than there is, and no memory is taken for it', () => {
    const whole = attributedBody('seven')
    const at = whole.indexOf('seven') - 1
    const boast = Buffer.concat([whole.subarray(0, at), streamNumber(0x7fffffff), whole.subarray(at + 1)])
    expect(attributedText(boast)).toBeNull()
  })

  it('is nothing when its chain of classes never ends', () => {
    const link = Buffer.concat([
      Buffer.from([0x84]),
      Buffer.from([0x84]),
      streamNumber(1),
      Buffer.from('X'),
      Buffer.from([0]),
    ])
    const endless = Buffer.concat([
      streamHead,
      Buffer.from([0x84, 1, 0x40, 0x84]),
      ...Array.from({ length: 5000 }, () => link),
    ])
    expect(attributedText(endless)).toBeNull()
  })
})

describe('what a message says', () => {
  it('is its text; without one, its attributed body; without either, nothing', () => {
    const body = attributedBody('from the body')
    expect(messageText({ text: 'from the column', attributedBody: body })).toBe('from the column')
    expect(messageText({ text: null, attributedBody: body })).toBe('from the body')
    expect(messageText({ text: '', attributedBody: body })).toBe('from the body')
    expect(messageText({ text: null, attributedBody: null })).toBeNull()
    expect(messageText({ text: 7, attributedBody: 'no blob' })).toBeNull()
  })
})
