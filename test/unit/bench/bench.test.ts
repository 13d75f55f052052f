import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { changedPages, sealedMedia } from '../../bench/changed-pages.ts'
import { readOptions } from '../../bench/options.ts'
import { pageWith } from '../../bench/page.ts'
import { rowsOf } from '../../bench/rows.ts'
import { median, Samples } from '../../bench/samples.ts'

const about = { machine: '2 cores, 24 GiB', date: new Date('2026-11-23T12:00:00Z'), pairs: 5 }

describe('the benchmark', () => {
  it('judges by the median of the pairs, not by the pair of the medians', () => {
    const samples = new Samples()
    for (const value of [2, 4, 8]) samples.add('full, seconds', 'coffer', value)
    for (const value of [6, 8, 10]) samples.add('full, seconds', 'restic', value)
    expect(samples.times('full, seconds', 'restic')).toBe(2)
    expect(samples.times('full, seconds', 'borg')).toBeUndefined()
    expect([median([3, 1, 2]), median([4, 1]), median([])]).toEqual([2, 2.5, undefined])
  })

  it('says of each figure whether it is what was asked for, and nothing where there is no peer', () => {
    const samples = new Samples()
    samples.add('full, seconds', 'coffer', 4)
    samples.add('restore unchecked, seconds', 'coffer', 4)
    samples.add('restore unchecked, seconds', 'restic', 4.7)
    samples.add('restore, seconds', 'coffer', 4)
    samples.add('restore, seconds', 'restic', 4.7)
    samples.add('day, bytes', 'coffer', 13e6)
    samples.add('day, bytes', 'restic', 153e6)
    samples.add('memory full whole, bytes', 'coffer', 351e6)
    const rows = rowsOf(samples, { day: 12e6 })
    expect(rows.map(({ what, met }) => [what, met])).toEqual([
      ['First backup', undefined],
      ['Restore, every page and piece verified', false],
      ['Restore, and quick_check', true],
      ['The day, beside what it cannot be less than', true],
      ['The day, added', true],
      ['Peak memory, first backup', false],
    ])
  })

  it('puts its lines into the page in place of the same ones, and keeps the rest', () => {
    const samples = new Samples()
    samples.add('full, seconds', 'coffer', 4)
    samples.add('million day, seconds', 'coffer', 9)
    const first = pageWith('# Speed\n\nMethod.\n', rowsOf(samples, undefined), about)
    expect(first).toMatch(/^# Speed\n\nMethod\.\n\n## Figures\n\nMedians of 5, 2026-11-23: 2 cores, 24 GiB\./)

    const again = new Samples()
    again.add('full, seconds', 'coffer', 3)
    const second = pageWith(first, rowsOf(again, undefined), about)
    expect(second).toContain('| First backup | 3.00 s |')
    expect(second).not.toContain('4.00 s')
    expect(second).toContain('| A million files, the day | 9.00 s |')
    expect(pageWith(second, [], about)).toBe(second)
  })

  it('refuses to write the figures of a quick run, and names what it does not know', () => {
    expect(readOptions(['--quick', '--write'])).toMatch(/quick run/)
    expect(readOptions(['--only', 'full,fast'])).toBe('There is no measure “fast”.')
    expect(readOptions(['--pairs', '0'])).toMatch(/--pairs/)
    expect(readOptions(['--only', 'day', '--million'])).toMatchObject({
      measures: new Set(['day', 'million']),
      pairs: 5,
    })
  })
})

describe('what a day cannot be less than', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'coffer-bench-test-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('is the pages that differ or are new, wherever they lie', () => {
    const [before, after] = [join(folder, 'before'), join(folder, 'after')]
    const pages = 200
    const old = Buffer.alloc(pages * 4096, 7)
    const now = Buffer.concat([old, Buffer.alloc(4096, 8)])
    for (const page of [0, 63, 64, 199]) now.writeUInt8(9, page * 4096 + 4095)
    writeFileSync(before, old)
    writeFileSync(after, now)
    expect(changedPages(before, before)).toEqual({ pages: 0, sealed: 0 })
    expect(changedPages(before, after).pages).toBe(5)
    expect(changedPages(after, before).pages).toBe(4)
    expect(sealedMedia([{ bytes: 100 }, { bytes: 4 * 1024 * 1024 + 1 }])).toBe(100 + 4 * 1024 * 1024 + 1 + 3 * 40)
  })
})
