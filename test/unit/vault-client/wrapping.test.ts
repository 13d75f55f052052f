import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { makeSecret, withSecret } from '../../../main/core/keys/secret.ts'
import { openRelease, unwrapKey, wrapKey } from '../../../main/core/vault/wrapping.ts'

const bound = {
  rid: Buffer.alloc(32, 3),
  generation: 4,
  stretching: { memory: 262_144, passes: 3, parallelism: 1 as const },
}
const exportKey = randomBytes(64)
const key = makeSecret()
const hex = (bytes: Buffer): string => bytes.toString('hex')

describe('the wrapped key', () => {
  const wrapped = wrapKey(key, exportKey, bound)

  it('opens with its export key for its record, generation and stretching', () => {
    const opened = unwrapKey(wrapped, exportKey, bound)
    expect(opened && withSecret(opened, hex)).toBe(withSecret(key, hex))
    expect(wrapped.includes(withSecret(key, (bytes) => Buffer.from(bytes)))).toBe(false)
  })

  it('does not open when any one of its bytes is another, or it is longer or shorter', () => {
    for (let at = 0; at < wrapped.length; at++) {
      const altered = Buffer.from(wrapped)
      altered[at] = (altered[at] ?? 0) ^ 1
      expect(unwrapKey(altered, exportKey, bound), `byte ${at}`).toBeUndefined()
    }
    expect(unwrapKey(wrapped.subarray(1), exportKey, bound)).toBeUndefined()
    expect(unwrapKey(Buffer.concat([wrapped, Buffer.alloc(1)]), exportKey, bound)).toBeUndefined()
  })

  it('opens for nothing else: another export key, record, generation or stretching', () => {
    const { stretching } = bound
    expect(unwrapKey(wrapped, randomBytes(64), bound)).toBeUndefined()
    for (const other of [
      { ...bound, rid: Buffer.alloc(32, 4) },
      { ...bound, generation: 5 },
      { ...bound, stretching: { ...stretching, memory: 262_145 } },
      { ...bound, stretching: { ...stretching, passes: 4 } },
    ])
      expect(unwrapKey(wrapped, exportKey, other)).toBeUndefined()
  })
})

describe('what a vault releases', () => {
  it('is refused when it is not of the right length or not sealed for this login', () => {
    const it = { rid: bound.rid, generation: 4, message: Buffer.alloc(32) }
    expect(openRelease(randomBytes(144), randomBytes(64), it)).toBeUndefined()
    expect(openRelease(randomBytes(143), randomBytes(64), it)).toBeUndefined()
  })
})
