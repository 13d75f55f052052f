import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { CofferError } from '../../contract/errors.ts'
import { makeRecoverySheet } from '../../main/core/keys/recovery-sheet.ts'
import { readRecoverySheet } from '../../main/core/keys/recovery-sheet-reader.ts'
import { holdSecret, withSecret } from '../../main/core/keys/secret.ts'

const hex = '6f3a91c0d27e04b85a1de9f27c36b84013de8a95f06b2c71d4e8305f9b1a67c2'
let sheet: Buffer
beforeAll(async () => {
  const facts = { archiveId: '00ff'.repeat(8), check: 'deadbeef', place: '/a/place', made: new Date(0) }
  sheet = Buffer.from(await makeRecoverySheet({ key: holdSecret(Buffer.from(hex, 'hex')), ...facts }))
})

/** Reads or is refused as key_malformed; anything else fails the test. */
function attempt(pdf: Uint8Array): string | undefined {
  try {
    const { key } = readRecoverySheet(pdf)
    return withSecret(key, (bytes) => bytes.toString('hex'))
  } catch (error) {
    expect(error).toBeInstanceOf(CofferError)
    expect(error).toMatchObject({ code: 'key_malformed' })
    return undefined
  }
}

describe('whatever is given as a recovery sheet', () => {
  it('gives the right key or none when bytes of a sheet are altered', () => {
    const change = fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      fc.integer({ min: 1, max: 255 }),
    )
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 40 }), (changes) => {
        const altered = Buffer.from(sheet)
        for (const [at, mask] of changes) {
          const place = Math.floor(at * altered.length)
          altered[place] = (altered[place] ?? 0) ^ mask
        }
        expect([hex, undefined]).toContain(attempt(altered))
      }),
      { numRuns: 300 },
    )
  })

  it('gives the right key or none when the sheet is cut off anywhere', () => {
    fc.assert(
      fc.property(fc.nat(sheet.length), (length) => {
        expect([hex, undefined]).toContain(attempt(sheet.subarray(0, length)))
      }),
    )
  })

  it('is read or refused, whatever streams it has', () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.constant(Buffer.from(`COFFER1:${hex}:${'00ff'.repeat(8)}:deadbeef`)),
    )
    const stream = fc.tuple(content, fc.boolean(), fc.nat(40)).map(([bytes, packed, cut]) => {
      const data = packed ? deflateSync(bytes) : Buffer.from(bytes)
      return Buffer.concat([
        Buffer.from('stream\r\n'),
        data.subarray(0, data.length - (cut < 30 ? 0 : cut)),
        Buffer.from('endstream\n'),
      ])
    })
    fc.assert(
      fc.property(fc.array(stream, { maxLength: 12 }), (streams) => {
        expect([hex, undefined]).toContain(attempt(Buffer.concat([Buffer.from('%PDF-1.7\n'), ...streams])))
      }),
    )
  })

  it('costs no more than a little memory, however much its streams would inflate to', () => {
    const bomb = Buffer.concat([
      Buffer.from('stream\n'),
      deflateSync(Buffer.alloc(16 * 1024 * 1024)),
      Buffer.from('\nendstream\n'),
    ])
    const pdf = Buffer.concat([Buffer.from('%PDF-1.7\n'), ...Array.from({ length: 200 }, () => bomb)])
    const before = process.memoryUsage().rss
    expect(attempt(pdf)).toBeUndefined()
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024)
  })
})
