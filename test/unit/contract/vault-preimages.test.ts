import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decode, fields } from '../../../contract/vault-preimages.ts'

describe('the bytes that signatures are made over', () => {
  it('base64url is read as everybody reads it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(decode(Buffer.from(bytes).toString('base64url'))).toEqual(bytes)
      }),
    )
  })

  it('numbers are eight bytes, little-endian, up to the largest that is exact', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const expected = Buffer.alloc(12)
        expected.writeUInt32LE(8, 0)
        expected.writeBigUInt64LE(BigInt(value), 4)
        expect(Buffer.from(fields(value))).toEqual(expected)
      }),
    )
  })

  it('two lists of fields never give the same bytes', () => {
    const list = fc.array(fc.oneof(fc.uint8Array({ maxLength: 5 }), fc.string({ maxLength: 5 })), { maxLength: 4 })
    fc.assert(
      fc.property(list, list, (a, b) => {
        const plain = (values: (Uint8Array | string)[]): string =>
          JSON.stringify(values.map((it) => Buffer.from(it).toString('hex')))
        expect(Buffer.from(fields(...a)).equals(fields(...b))).toBe(plain(a) === plain(b))
      }),
    )
  })
})
