import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Malformed } from '../../../vault/service/field-reader.ts'
import {
  decodeRecord,
  decodeSecrets,
  encodeRecord,
  encodeSecrets,
  rowDigest,
  sealBinding,
  type VaultRecord,
} from '../../../vault/service/record.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((it) => Buffer.from(it))
const text = (length: number) => bytes(length).map((it) => it.toString('base64url'))
const count = fc.oneof(fc.nat(20), fc.nat(Number.MAX_SAFE_INTEGER))
const any = fc.uint8Array({ maxLength: 300 }).map((it) => Buffer.from(it))

const record: fc.Arbitrary<VaultRecord> = fc.record({
  rid: bytes(32),
  state: fc.constantFrom('active', 'exhausted', 'destroyed', 'deleted'),
  generation: count,
  epoch: count,
  counter: count,
  budget: fc.nat(10),
  at: count,
  ownerKey: bytes(32),
  stretching: fc.record({ memory: count, passes: count, parallelism: fc.constant(1 as const) }),
  newest: fc.option(fc.record({ number: count, identity: text(32), signature: text(64) })),
  lastTriedAt: count,
  attempts: fc.array(
    fc.record({ message: bytes(32), number: fc.nat(10), expiresAt: count, closed: fc.boolean(), receipt: count }),
    { maxLength: 10 },
  ),
  opened: fc.option(
    fc.record({ epoch: count, message: bytes(32), third: bytes(32), receipt: count, receiptBefore: count }),
  ),
  lastChange: fc.option(fc.record({ requestId: bytes(16), bodyDigest: bytes(64) })),
  receipts: count,
  lastReceipt: bytes(32),
})

/** Decoded, or refused in the one way there is. */
function decoded(row: Uint8Array): ReturnType<typeof decodeRecord> | undefined {
  try {
    return decodeRecord(row)
  } catch (error) {
    expect(error).toBeInstanceOf(Malformed)
    return undefined
  }
}

describe('a record as it is spelled in the database', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(record, count, any, (record, sealEpoch, sealed) => {
        expect(decodeRecord(encodeRecord(record, sealEpoch, sealed))).toEqual({ record, sealEpoch, sealed })
      }),
    )
  })

  it('that was cut, lengthened or changed anywhere is refused, or read as what it says and spelled so again', () => {
    fc.assert(
      fc.property(
        record,
        fc.nat(),
        fc.uint8Array({ minLength: 1, maxLength: 9 }),
        fc.constantFrom('put', 'cut', 'add'),
        (record, at, noise, how) => {
          const row = encodeRecord(record, 3, Buffer.from('sealed'))
          const place = at % row.length
          const other =
            how === 'add'
              ? Buffer.concat([row, noise])
              : how === 'cut'
                ? row.subarray(0, place)
                : Buffer.concat([row.subarray(0, place), noise, row.subarray(place + noise.length)])
          const it = decoded(other)
          if (how !== 'put') expect(it).toBeUndefined()
          // One spelling for one record: nothing that is read could be written in another way.
          else if (it) expect(encodeRecord(it.record, it.sealEpoch, it.sealed).equals(other)).toBe(true)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('is never found in noise, and noise never does more than be refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.boolean(), (noise, begun) => {
        const head = Buffer.from('\x0f\0\0\0coffer-record-1', 'latin1')
        expect(decoded(begun ? Buffer.concat([head, noise]) : noise)).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })

  it('has another digest and another binding for each of the things that decide a guess', () => {
    fc.assert(
      fc.property(record, record, (a, b) => {
        for (const field of ['rid', 'generation', 'epoch', 'counter', 'budget', 'state'] as const) {
          const changed = { ...a, [field]: b[field] }
          const same = String(a[field]) === String(b[field])
          expect(Buffer.from(sealBinding(a)).equals(sealBinding(changed))).toBe(same)
          const digest = (it: VaultRecord) => rowDigest(it.rid, encodeRecord(it, 1, Buffer.alloc(0)))
          expect(digest(a).equals(digest(changed))).toBe(same)
        }
      }),
    )
  })

  it('gives its secrets back, and refuses what is none', () => {
    fc.assert(
      fc.property(any, any, any, any, (setup, registration, wrapped, more) => {
        const plain = Buffer.from(encodeSecrets({ setup, registration, wrapped }))
        expect(decodeSecrets(plain)).toEqual({ setup, registration, wrapped })
        if (more.length > 0) expect(() => decodeSecrets(Buffer.concat([plain, more]))).toThrow(Malformed)
        expect(() => decodeSecrets(plain.subarray(0, -1))).toThrow(Malformed)
      }),
    )
  })
})
