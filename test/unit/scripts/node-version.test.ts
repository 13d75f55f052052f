import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compare, isNewEnough, oldestNode } from '../../../scripts/bootstrap/node-version.mjs'

describe('which Node will do', () => {
  it.each(['22.15.0', '22.15.1', '22.21.3', '23.8.0', '24.0.0', '24.21.0', '25.1.0', '30.0.0'])(
    '%s will',
    (version) => {
      expect(isNewEnough(version)).toBe(true)
    },
  )

  it.each(['18.0.0', '20.20.2', '21.7.3', '22.14.0', '22.9.0', '22.15.0-rc.1', '23.7.0', '24.0.0-nightly'])(
    '%s will not',
    (version) => {
      expect(isNewEnough(version)).toBe(false)
    },
  )

  it('TypeScript files need a later one of the same line', () => {
    expect(isNewEnough('22.15.0', oldestNode.runsTypeScript)).toBe(false)
    expect(isNewEnough('22.18.0', oldestNode.runsTypeScript)).toBe(true)
    expect(isNewEnough('23.8.0', oldestNode.runsTypeScript)).toBe(true)
  })
})

describe('the order of versions', () => {
  const version = fc.tuple(fc.nat(40), fc.nat(40), fc.nat(40))

  it('is that of their numbers, not of their letters', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        const expected = a.map((number, at) => number - (b[at] ?? 0)).find((difference) => difference !== 0) ?? 0
        expect(Math.sign(compare(a.join('.'), b.join('.')))).toBe(Math.sign(expected))
      }),
    )
  })

  it('puts a pre-release before its release', () => {
    expect(compare('24.0.0-rc.2', '24.0.0')).toBeLessThan(0)
    expect(compare('24.0.0', '24.0.0-rc.2')).toBeGreaterThan(0)
    expect(compare('24.0.0-rc.2', '23.11.9')).toBeGreaterThan(0)
  })

  it('takes a v in front', () => {
    expect(compare('v24.1.0', '24.1.0')).toBe(0)
  })
})
