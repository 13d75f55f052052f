import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CofferError } from '../../contract/errors.ts'
import { readCrypt15Head } from '../../main/core/stores/crypt15-header.ts'
import { readCrypt15Key } from '../../main/core/stores/crypt15-key.ts'
import { type Field, lastBytes, MalformedProtobuf, readFields } from '../../main/core/stores/protobuf.ts'
import { bytesField, makeCrypt15, numberField, tinyContent } from '../fixtures/make-crypt15.ts'

const whole = makeCrypt15({ root: Buffer.alloc(32, 5), content: tinyContent })
const keyFile = Buffer.concat([
  Buffer.from('aced0005757200025b42acf317f8060854e0020000787000000020', 'hex'),
  Buffer.alloc(32, 6),
])

/** A few bytes changed, removed or put in. */
function mutants(of: Buffer): fc.Arbitrary<Uint8Array> {
  const edit = fc.tuple(fc.nat(of.length), fc.nat(3), fc.uint8Array({ maxLength: 6 }))
  return fc
    .array(edit, { minLength: 1, maxLength: 5 })
    .map((edits) =>
      edits.reduce(
        (bytes, [at, gone, put]) => Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + gone)]),
        of,
      ),
    )
}

function codeOf(attempt: () => unknown): string {
  try {
    attempt()
    return 'done'
  } catch (error) {
    if (error instanceof CofferError) return error.code
    throw error
  }
}

const number = fc.integer({ min: 1, max: 2 ** 29 - 1 })
const field = fc.oneof(
  fc
    .tuple(number, fc.nat(2 ** 31 - 1))
    .map(([n, value]) => ({ number: n, value: BigInt(value), wire: numberField(n, value) })),
  fc
    .tuple(number, fc.uint8Array({ maxLength: 200 }))
    .map(([n, bytes]) => ({ number: n, bytes, wire: bytesField(n, Buffer.from(bytes)) })),
)

describe('the protobuf reader', () => {
  it('gives fields of any bytes, or says that they are malformed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        let length = 0
        try {
          for (const found of readFields(bytes)) {
            length += 'bytes' in found ? found.bytes.length : 0
            expect(found.number).toBeGreaterThan(0)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedProtobuf)
        }
        expect(length).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 2000 },
    )
  })

  it('gives back exactly the fields that were written', () => {
    fc.assert(
      fc.property(fc.array(field, { maxLength: 10 }), (fields) => {
        const found: Field[] = [...readFields(Buffer.concat(fields.map(({ wire }) => wire)))]
        expect(found.map((f) => ('value' in f ? [f.number, f.value] : [f.number, [...f.bytes]]))).toEqual(
          fields.map((f) => ('value' in f ? [f.number, f.value] : [f.number, [...f.bytes]])),
        )
      }),
    )
  })

  it('skips numbers of fixed width', () => {
    const message = Buffer.concat([
      Buffer.from([(7 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8, (8 << 3) | 5, 9, 9, 9, 9]),
      bytesField(3, Buffer.from('x')),
    ])
    expect(lastBytes(message, 3)).toEqual(Buffer.from('x'))
    expect([...readFields(message)][0]).toEqual({ number: 7, value: 0x0807060504030201n })
  })

  it.each([
    ['a number of eleven bytes', Buffer.concat([Buffer.from([8]), Buffer.alloc(10, 0x80), Buffer.from([1])])],
    ['a length beyond all memory', Buffer.concat([Buffer.from([10]), Buffer.alloc(9, 0xff), Buffer.from([1])])],
    ['field 0', Buffer.from([0, 1])],
    ['a group', Buffer.from([(1 << 3) | 3, (1 << 3) | 4])],
    ['a field number of more than 29 bits', Buffer.from([0x80, 0x80, 0x80, 0x80, 0x10, 1])],
  ])('refuses %s', (_, bytes) => {
    expect(() => [...readFields(bytes)]).toThrow(MalformedProtobuf)
  })
})

describe('the head of a crypt15 file', () => {
  it('is read or refused as damaged, whatever its bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 300 }), mutants(whole.subarray(0, 40)), mutants(whole)),
        (bytes) => {
          expect(['done', 'crypt15_damaged']).toContain(codeOf(() => readCrypt15Head(bytes)))
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('gives a vector of a sensible length and data that begin within the bytes', () => {
    fc.assert(
      fc.property(mutants(whole.subarray(0, 80)), (bytes) => {
        if (codeOf(() => readCrypt15Head(bytes)) !== 'done') return
        const { iv, dataStart } = readCrypt15Head(bytes)
        expect(dataStart).toBeLessThanOrEqual(bytes.length)
        if (iv) expect(iv.length >= 12 && iv.length <= 32).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('WhatsApp’s key file', () => {
  it('is read or refused as key_malformed, whatever its bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutants(keyFile)), (bytes) => {
        expect(['done', 'key_malformed']).toContain(codeOf(() => readCrypt15Key(bytes)))
      }),
      { numRuns: 2000 },
    )
  })
})
