import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { notKept, type KeepRule } from '../../../main/core/archive/forget/keep-rule.ts'
import type { Manifest } from '../../../main/core/archive/format/manifest.ts'

const now = new Date('2026-11-23T12:30:00Z')
const hour = 3_600_000
const day = 24 * hour

/** Snapshots made at these times, oldest first. A rule looks at nothing but the time. */
function madeAt(...times: number[]): Manifest[] {
  return times.toSorted((a, b) => a - b).map((createdAt, i) => ({ seq: i + 1, createdAt }) as Manifest)
}
function staying(all: readonly Manifest[], rule: KeepRule): number[] {
  const gone = new Set(notKept(all, rule, now))
  return all.filter((it) => !gone.has(it)).map(({ createdAt }) => createdAt)
}
const ago = (ms: number): number => now.getTime() - ms

describe('keep all', () => {
  it('lets nothing go', () => expect(notKept(madeAt(ago(1), ago(day), ago(9999 * day)), 'all', now)).toEqual([]))
})

describe('keep the last', () => {
  const all = madeAt(...Array.from({ length: 10 }, (_, i) => ago(i * day)))
  it('keeps as many as it says, the newest', () =>
    expect(staying(all, { last: 3 })).toEqual([ago(2 * day), ago(day), ago(0)]))
  it('keeps all when there are no more', () => expect(notKept(all, { last: 10 }, now)).toEqual([]))
  it('keeps the newest even when told to keep none', () => expect(staying(all, { last: 0 })).toEqual([ago(0)]))
})

describe('keep smart', () => {
  it('keeps the newest of each hour of the last day', () => {
    const all = madeAt(
      ...['11:05', '11:10', '11:55', '12:00', '12:29'].map((time) => Date.parse(`2026-11-23T${time}:00Z`)),
    )
    expect(staying(all, 'smart')).toEqual([Date.parse('2026-11-23T11:55:00Z'), Date.parse('2026-11-23T12:29:00Z')])
  })

  it('keeps the newest of each day of the last month', () => {
    const all = madeAt(
      ...['10T01:00', '10T23:59', '11T00:00', '12T08:00', '12T09:00'].map((time) => Date.parse(`2026-11-${time}:00Z`)),
      ago(0),
    )
    expect(staying(all, 'smart').map((time) => new Date(time).toISOString().slice(8, 16))).toEqual([
      '10T23:59',
      '11T00:00',
      '12T09:00',
      '23T12:30',
    ])
  })

  it('keeps the newest of each month before that, for ever', () => {
    const all = madeAt(
      ...['2025-12-31', '2026-01-01', '2026-01-30', '2026-02-02', '2026-09-03', '2026-09-29'].map((date) =>
        Date.parse(date),
      ),
      ago(0),
    )
    expect(staying(all, 'smart').map((time) => new Date(time).toISOString().slice(0, 10))).toEqual([
      '2025-12-31',
      '2026-01-30',
      '2026-02-02',
      '2026-09-29',
      '2026-11-23',
    ])
  })

  it('is content with few: a year of hourly backups comes down to some seventy', () => {
    const all = madeAt(...Array.from({ length: 365 * 24 }, (_, i) => ago(i * hour)))
    const kept = staying(all, 'smart').length
    expect(kept).toBeGreaterThan(60)
    expect(kept).toBeLessThan(75)
  })

  it('keeps the newest, thins no more when asked again, and leaves every month that had one with one', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -2 * day, max: 800 * day }), { minLength: 1, maxLength: 200 }), (ages) => {
        const all = madeAt(...ages.map(ago))
        const gone = new Set(notKept(all, 'smart', now))
        const kept = all.filter((it) => !gone.has(it))
        expect(kept.at(-1)).toBe(all.at(-1))
        expect(notKept(kept, 'smart', now)).toEqual([])
        const months = (of: Manifest[]) =>
          new Set(of.map(({ createdAt }) => new Date(createdAt).toISOString().slice(0, 7)))
        expect(months(kept)).toEqual(months(all))
      }),
    )
  })
})
