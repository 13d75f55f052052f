import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fields } from '../../../contract/vault-preimages.ts'
import { FieldReader } from '../../../vault/service/field-reader.ts'
import { vaultValues } from '../../vectors/make-vault-values.ts'

const folder = join(import.meta.dirname, '..', '..', 'vectors', 'vault')
const python = ['/usr/bin/python3', 'python3'].find((name) => spawnSync(name, ['--version']).status === 0)
if (python === undefined) process.stderr.write('skipped: the vault’s values in Python, since there is no python3\n')

describe('what is signed, hashed and derived', () => {
  it('is what it was when the vectors were made', () => {
    const stored: unknown = JSON.parse(readFileSync(join(folder, 'values.json'), 'utf8'))
    expect(JSON.parse(JSON.stringify(vaultValues()))).toEqual(stored)
  })

  it.skipIf(python === undefined)('is what somebody computes who has only docs/VAULT.md', () => {
    const { stdout, stderr, status } = spawnSync(python ?? '', ['-B', join(folder, 'check.py')], { encoding: 'utf8' })
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    expect(JSON.parse(stdout)).toEqual({ differ: [], seen: 40 })
  })

  const value = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.nat(Number.MAX_SAFE_INTEGER),
  )
  const bytesOf = (it: Uint8Array | string | number) => Buffer.from(fields(it)).subarray(4).toString('hex')

  it('gives its fields back, so that no two lists of fields give the same bytes', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 8 }), (values) => {
        const reader = new FieldReader(fields(...values))
        for (const it of values) expect(reader.bytes().toString('hex')).toBe(bytesOf(it))
        reader.end()
      }),
    )
  })
})
