import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { expect, it } from 'vitest'
import { rawSignature } from '../../../vault/keystore/raw-signature.ts'

it('every DER signature becomes r || s, also where a number is shorter than its place', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const lengths = new Set<number>()
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(`message ${round}`)
    const der = sign('sha256', bytes, privateKey)
    lengths.add(der.length)
    const raw = rawSignature(der)
    expect(raw).toHaveLength(64)
    expect(verify('sha256', bytes, { key: publicKey, dsaEncoding: 'ieee-p1363' }, raw)).toBe(true)
  }
  // 70 to 72 are the usual ones; below that a number began with zero bytes.
  expect(Math.min(...lengths)).toBeLessThan(70)
})
