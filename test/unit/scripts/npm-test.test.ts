import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { choose } from '../../../scripts/test/choose.mjs'
import { countTests } from '../../../scripts/test/count-tests.mjs'
import { closingLine, table } from '../../../scripts/test/summary.mjs'

const folder = mkdtempSync(join(tmpdir(), 'coffer-npm-test-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('which steps npm test runs', () => {
  const steps = ['format', 'lint', 'tests']

  it('are all of them unless told otherwise', () => {
    expect(choose(steps, [])).toEqual({ chosen: steps, rest: [] })
  })

  it('can be named, or left out, in any order', () => {
    expect(choose(steps, ['--only', 'tests,format']).chosen).toEqual(['format', 'tests'])
    expect(choose(steps, ['--without', 'tests']).chosen).toEqual(['format', 'lint'])
  })

  it('hand on what is not for them', () => {
    expect(choose(steps, ['--only', 'tests', '--', 'test/unit', '-t', 'a promise'])).toEqual({
      chosen: ['tests'],
      rest: ['test/unit', '-t', 'a promise'],
    })
  })

  it('refuse a name that does not exist', () => {
    expect(() => choose(steps, ['--only', 'lnt'])).toThrow('no such step: “lnt”')
    expect(() => choose(steps, ['--only'])).toThrow('no such step')
  })
})

describe('the count of tests', () => {
  const report = (content: string) => {
    const path = join(folder, 'report.json')
    writeFileSync(path, content)
    return path
  }
  const good = JSON.stringify({ numPassedTests: 7, numFailedTests: 0, numPendingTests: 2, numTodoTests: 1 })

  it('is Vitest’s', () => {
    expect(countTests(report(good), 0)).toEqual({ passed: 7, failed: 0, skipped: 3 })
  })

  it('has a failure whenever Vitest failed, even if no test did', () => {
    expect(countTests(report(good), 1).failed).toBe(1)
    expect(countTests(report(good.replace('"numFailedTests":0', '"numFailedTests":4')), 1).failed).toBe(4)
  })

  it('has a failure when there is no report, or half of one', () => {
    expect(countTests(join(folder, 'none.json'), 0)).toEqual({ passed: 0, failed: 1, skipped: 0 })
    expect(countTests(report(good.slice(0, 20)), 0).failed).toBe(1)
  })
})

describe('the end of npm test', () => {
  const results = [
    { name: 'lint', what: 'ESLint', seconds: 5.04, ok: true, passed: 1, failed: 0 },
    { name: 'types', what: 'TypeScript', seconds: 3.26, ok: false, passed: 0, failed: 1 },
    { name: 'tests', what: 'Vitest', seconds: 10, ok: true, passed: 40, failed: 0, skipped: 2 },
  ]

  it('lists each step with its seconds and outcome', () => {
    expect(table(results).split('\n')).toEqual([
      'lint     ESLint                 5.0 s   ok',
      'types    TypeScript             3.3 s   FAILED',
      'tests    Vitest                10.0 s   ok, 40 passed, 2 skipped',
      'all                            18.3 s',
    ])
  })

  it('adds up in one plain line', () => {
    expect(closingLine(results)).toBe('41 passed, 1 failed')
  })
})
