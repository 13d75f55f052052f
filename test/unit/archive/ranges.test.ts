import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newPackId } from '../../../main/core/archive/format/names.ts'
import type { Place } from '../../../main/core/archive/format/places.ts'
import { planPages, unplaced } from '../../../main/core/archive/read/page-plan.ts'
import { rangeBlobs, rangeBytes, toRanges } from '../../../main/core/archive/read/ranges.ts'
import { nowhere, type PageWindow, unknown } from '../../../main/core/archive/read/resolve-pages.ts'

const packs = [0, 1, 2].map(() => ({ id: newPackId(), size: 30_000_000 }))

/** Blobs of packs, one behind the other, as packs have them. */
const somePlaces = fc
  .array(
    fc.record({
      pack: fc.nat(2),
      length: fc.oneof(fc.integer({ min: 41, max: 3000 }), fc.constantFrom(rangeBytes, 300_000, 2_000_000)),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((blobs) => {
    const ends = [0, 0, 0]
    const counts = [0, 0, 0]
    return blobs.map(({ pack, length }): Place => {
      const offset = ends[pack] ?? 0
      ends[pack] = offset + length
      const ordinal = counts[pack] ?? 0
      counts[pack] = ordinal + 1
      const ref = packs[pack]
      if (!ref) throw new Error('no pack')
      return { pack: ref, ordinal, offset, length, compressed: false }
    })
  })

describe('stretches to fetch', () => {
  it('hold every blob asked for once, fit a buffer, and go through each pack once from front to back', () => {
    fc.assert(
      fc.property(somePlaces, fc.infiniteStream(fc.boolean()), fc.nat(100), (all, wanted, twist) => {
        const chosen = all.filter(() => wanted.next().value)
        // In any order, and some twice, as when two layers name the same blob.
        const places = [...chosen, ...chosen.slice(0, twist % 5)].sort(
          (a, b) => ((a.offset * 31 + twist) % 17) - ((b.offset * 31 + twist) % 17),
        )
        const ranges = [...toRanges(places)]
        expect(ranges.flatMap(({ items }) => items).sort((a, b) => a - b)).toEqual([...places.keys()])
        const seen: string[] = []
        let before: { pack: string; end: number } | undefined
        for (const { pack, start, length, items } of ranges) {
          expect(length).toBeLessThanOrEqual(rangeBytes)
          expect(items.length).toBeLessThanOrEqual(rangeBlobs)
          for (const item of items) {
            const place = places[item]
            expect(place?.pack.id).toBe(pack.id)
            expect(place && place.offset >= start && place.offset + place.length <= start + length).toBe(true)
          }
          if (before?.pack === pack.id) expect(start).toBeGreaterThanOrEqual(before.end)
          else {
            expect(seen).not.toContain(pack.id)
            seen.push(pack.id)
          }
          before = { pack: pack.id, end: start + length }
        }
      }),
    )
  })

  it('join what lies close together and leave out what lies between', () => {
    const [pack] = packs
    if (!pack) throw new Error('no pack')
    const at = (offset: number, ordinal: number): Place => ({ pack, ordinal, offset, length: 1000, compressed: false })
    const ranges = [...toRanges([at(0, 0), at(100_000, 3), at(2_000_000, 9), at(2_001_000, 10)])]
    expect(ranges.map(({ start, length }) => [start, length])).toEqual([
      [0, 101_000],
      [2_000_000, 2000],
    ])
  })

  it('never share a buffer where blobs overlap', () => {
    const [pack] = packs
    if (!pack) throw new Error('no pack')
    const places = [0, 500].map((offset, ordinal): Place => ({
      pack,
      ordinal,
      offset,
      length: 1000,
      compressed: false,
    }))
    expect([...toRanges(places)]).toHaveLength(2)
  })
})

describe('the plan of a window', () => {
  it('takes every page that has a place once, from there, and counts the others', () => {
    fc.assert(
      fc.property(
        somePlaces,
        fc.array(fc.integer({ min: -2, max: 59 }), { minLength: 1, maxLength: 200 }),
        (places, choice) => {
          const rows = Uint32Array.from(choice, (it) =>
            it === -1 ? nowhere : it === -2 ? unknown : it % places.length,
          )
          const window: PageWindow = {
            first: 1000,
            count: rows.length,
            places,
            rows,
            indexes: Uint16Array.from(rows.keys(), (at) => at % 64),
            hashes: Buffer.concat([...rows.keys()].map((at) => Buffer.alloc(16, at))),
          }
          const found: [number, number, number, number][] = []
          for (const { blobs, work } of planPages(window, { fd: 3, pageSize: 4096 })) {
            expect(work.ends.length).toBe(blobs.length)
            let row = 0
            blobs.forEach((blob, i) => {
              for (; row < (work.ends[i] ?? 0); row++)
                found.push([work.pages[row] ?? -1, blob.offset, work.indexes[row] ?? -1, work.hashes[row * 16] ?? -1])
            })
            expect(row).toBe(work.pages.length)
          }
          const placed = [...rows.keys()].filter((at) => (rows[at] ?? nowhere) < places.length)
          expect(found.sort(([a], [b]) => a - b)).toEqual(
            placed.map((at) => [1000 + at, places[rows[at] ?? 0]?.offset, at % 64, at & 255]),
          )
          const without = unplaced(window)
          expect((without?.nowhere ?? 0) + (without?.unknown ?? 0)).toBe(rows.length - placed.length)
        },
      ),
    )
  })
})
