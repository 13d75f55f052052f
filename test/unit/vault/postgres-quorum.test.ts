import { describe, expect, it } from 'vitest'
import { parseQuorum } from '../../../vault/store/postgres-quorum.ts'

describe('synchronous_standby_names', () => {
  it.each([
    ['ANY 1 (site_b, site_c)', 1, ['site_b', 'site_c']],
    ['any 2(a,b,c)', 2, ['a', 'b', 'c']],
    ['FIRST 1 (a)', 1, ['a']],
    ['2 (a, b)', 2, ['a', 'b']],
    ['a, b', 1, ['a', 'b']],
    ['  a  ', 1, ['a']],
    ['*', 1, ['*']],
    ['ANY 1 (*)', 1, ['*']],
    ['ANY 1 ("site-b", "with ""quotes"", and (more)")', 1, ['site-b', 'with "quotes", and (more)']],
    // Names that only look like words of the language.
    ['first, any', 1, ['first', 'any']],
  ])('“%s” waits for a standby', (setting, wait, names) => {
    expect(parseQuorum(setting)).toEqual({ wait, names })
  })

  it.each([
    '',
    '   ',
    'ANY 0 (a, b)',
    '0 (a)',
    'ANY 1 ()',
    'ANY (a)',
    'ANY 1 (a',
    'ANY 1 a)',
    'MOST 1 (a)',
    'ANY 1 (a b)',
    'ANY 1 (a,)',
    ',a',
    '()',
    '""',
    "'a'",
    'ANY 99999999999999999999 (a)',
    'ANY 1 (a) b',
  ])('“%s” is no quorum', (setting) => {
    expect(parseQuorum(setting)).toBeUndefined()
  })
})
