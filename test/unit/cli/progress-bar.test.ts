import { describe, expect, it } from 'vitest'
import { barLine, progressBar } from '../../../main/cli/progress-bar.ts'

/** A stream that remembers what was written, and a clock that is moved by hand. */
function watch(
  isTTY: boolean,
  columns = 100,
): {
  stream: { write: (text: string) => void; isTTY: boolean; columns: number }
  written: string[]
  clock: { ms: number }
} {
  const written: string[] = []
  return { stream: { write: (text) => void written.push(text), isTTY, columns }, written, clock: { ms: 0 } }
}

describe('progress', () => {
  it('says the phase, how far it is, how fast, how long still, and what is being worked on', () => {
    const line = barLine({ phase: 'seal', done: 215e6, total: 448e6, item: 'msgstore.db' }, 310e6, 200)
    expect(line).toBe(
      'Sealing              ██████████░░░░░░░░░░   47 %  215 MB of 448 MB  310 MB/s  0.8 s left  msgstore.db',
    )
  })

  it('is never wider than the terminal, whatever the name, and steers it in no way', () => {
    for (const item of ['x'.repeat(500), '写真'.repeat(50), '👵'.repeat(60), 'a\x1b[2Jb\n'.repeat(20)]) {
      for (const width of [0, 1, 10, 20, 79, 80, 81, 120]) {
        const line = barLine({ phase: 'read', done: 1, total: 3, item }, 1, width)
        const columns = [...line].reduce((sum, character) => sum + (/[写真👵]/u.test(character) ? 2 : 1), 0)
        expect(columns).toBeLessThanOrEqual(Math.max(1, width))

        expect(line).not.toMatch(/[\x00-\x1f]/)
      }
    }
  })

  it('shows 100 % only when all is done, and nothing beyond', () => {
    expect(barLine({ phase: 'seal', done: 999_999, total: 1_000_000 }, undefined, 200)).toContain(' 99 %')
    expect(barLine({ phase: 'seal', done: 2_000_000, total: 1_000_000 }, 5, 200)).toContain(
      '100 %  1 MB of 1 MB  5 bytes/s  0.0 s left',
    )
  })

  it('draws a bar ten times a second at most, and clears it when asked', () => {
    const { stream, written, clock } = watch(true)
    const bar = progressBar(stream, { quiet: true, now: () => clock.ms })
    for (; clock.ms < 1000; clock.ms++) bar.onProgress({ phase: 'seal', done: clock.ms, total: 1000 })
    expect(written).toHaveLength(10)
    expect(written.every((text) => text.startsWith('\r') && text.endsWith('\x1b[K'))).toBe(true)
    bar.clear()
    bar.clear()
    expect(written.slice(10)).toEqual(['\r\x1b[K'])
  })

  it('writes a plain line a phase where there is no terminal, and one every ten seconds of a long one', () => {
    const { stream, written, clock } = watch(false)
    const lines = progressBar(stream, { quiet: false, now: () => clock.ms })
    lines.onProgress({ phase: 'snapshot', done: 7, total: 0 })
    for (; clock.ms <= 25_000; clock.ms += 100) lines.onProgress({ phase: 'seal', done: clock.ms, total: 40_000 })
    lines.onProgress({ phase: 'commit', done: 0, total: 0 })
    expect(written).toEqual([
      'Taking a snapshot\n',
      'Sealing\n',
      'Sealing: 25 % of 40 kB\n',
      'Sealing: 50 % of 40 kB\n',
      'Finishing\n',
    ])
  })

  it('is silent where a program reads the result and nobody watches', () => {
    const { stream, written } = watch(false)
    const quiet = progressBar(stream, { quiet: true, now: () => 0 })
    quiet.onProgress({ phase: 'seal', done: 1, total: 2 })
    quiet.clear()
    expect(written).toEqual([])
  })
})
