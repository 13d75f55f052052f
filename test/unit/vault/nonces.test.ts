import { describe, expect, it } from 'vitest'
import { nonces } from '../../../vault/keystore/nonces.ts'

describe('nonces', () => {
  it('have 12 bytes and never repeat, in one process or two', () => {
    const [one, two] = [nonces(), nonces()]
    const all = Array.from({ length: 5000 }, (_, n) => (n % 2 === 0 ? one : two)())
    expect(all.every(({ length }) => length === 12)).toBe(true)
    expect(new Set(all.map((nonce) => nonce.toString('hex'))).size).toBe(5000)
  })

  it('take a new prefix when the counter is used up', () => {
    let drawn = 0
    const next = nonces((bytes) => Buffer.alloc(bytes, ++drawn), 0xffff_fffe)
    expect([next(), next(), next(), next()].map((nonce) => nonce.toString('hex'))).toEqual([
      '0101010101010101fffffffe',
      '0101010101010101ffffffff',
      '020202020202020200000000',
      '020202020202020200000001',
    ])
  })
})
