import fc from 'fast-check'
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isKnown, KnownRows } from '../../../vault/log/known-rows.ts'

/** Few different ids, some of which begin alike, so that they meet in the table. */
const rid = fc
  .tuple(fc.constantFrom(0, 1, 255), fc.nat(40), fc.constantFrom(0, 7))
  .map(([first, middle, slot]) =>
    Buffer.alloc(32, Buffer.of(first, 0, middle, 0, 0, 0, 0, 0, slot, 0, 0, 0, 1, 2, 3, 4)),
  )
const row = fc.record({
  rid,
  counter: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
  digest: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((it) => Buffer.from(it)),
})

describe('what a node knows of the rows', () => {
  it('is what was set last, for every id and no other, also in a copy and after it was written down', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 300 }), fc.nat(300), (rows, until) => {
        const known = new KnownRows()
        const model = new Map<string, { counter: number; digest: Buffer }>()
        let copy = known.copy()
        let copied = new Map(model)
        for (const [at, it] of rows.entries()) {
          known.set(it)
          model.set(it.rid.toString('hex'), { counter: it.counter, digest: it.digest.subarray(0, 16) })
          if (at === until) [copy, copied] = [known.copy(), new Map(model)]
        }
        const again = new KnownRows()
        for (const entry of known.entries()) again.add(Buffer.from(entry))
        for (const [which, expected] of [
          [known, model],
          [again, model],
          [copy, copied],
        ] as const) {
          expect(which.size).toBe(expected.size)
          for (const it of rows) expect(which.get(it.rid)).toEqual(expected.get(it.rid.toString('hex')))
        }
        expect(known.get(Buffer.alloc(32, 99))).toBeUndefined()
      }),
    )
  })

  it('tells another counter and another digest from the known ones', () => {
    const digest = randomBytes(32)
    const known = { counter: 5, digest: digest.subarray(0, 16) }
    expect(isKnown(known, { counter: 5, digest })).toBe(true)
    expect(isKnown(known, { counter: 6, digest })).toBe(false)
    for (let byte = 0; byte < 16; byte++) {
      const other = Buffer.from(digest)
      other[byte] = (other[byte] ?? 0) ^ 1
      expect(isKnown(known, { counter: 5, digest: other })).toBe(false)
    }
  })

  it('takes at most 55 bytes a record, from a hundred thousand records on', () => {
    const known = new KnownRows()
    const all = randomBytes(200_000 * 32)
    for (let at = 0; at < 200_000; at++) {
      const bytes = all.subarray(at * 32, at * 32 + 32)
      known.set({ rid: bytes, counter: 1, digest: bytes })
      if (at >= 100_000 && at % 1000 === 0) expect(known.bytes / known.size).toBeLessThanOrEqual(55)
    }
    expect(known.size).toBe(200_000)
  })
})
