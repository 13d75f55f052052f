import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { holdSecret, lockedBuffer, makeSecret, wipe, withSecret } from '../../../main/core/keys/secret.ts'

const zeros = Buffer.alloc(32)
const bytes = () => Buffer.from(Array.from({ length: 32 }, (_, i) => 0xa0 ^ i))

describe('holdSecret', () => {
  it('takes the bytes over: lends them exactly, and wipes where they came from', () => {
    const source = bytes()
    const secret = holdSecret(source)
    expect(source).toEqual(zeros)
    withSecret(secret, (lent) => expect(Buffer.compare(lent, bytes())).toBe(0))
  })

  it.each([0, 31, 33])('refuses %i bytes, and wipes them all the same', (length) => {
    const source = Buffer.alloc(length, 7)
    expect(() => holdSecret(source)).toThrow('32 bytes')
    expect(source).toEqual(Buffer.alloc(length))
  })
})

describe('withSecret', () => {
  it('wipes the lent copy when the function returns', () => {
    const secret = holdSecret(bytes())
    const lent = withSecret(secret, (buffer) => buffer)
    expect(lent).toEqual(zeros)
  })

  it('wipes the lent copy when the function throws', () => {
    let lent: Buffer | undefined
    const failing = () =>
      withSecret(holdSecret(bytes()), (buffer) => {
        lent = buffer
        throw new Error('on purpose')
      })
    expect(failing).toThrow('on purpose')
    expect(lent).toEqual(zeros)
  })

  it('lends to an asynchronous function until its promise settles, and not longer', async () => {
    let lent: Buffer = Buffer.alloc(0)
    const result = await withSecret(holdSecret(bytes()), async (buffer) => {
      lent = buffer
      await new Promise(setImmediate)
      return Buffer.compare(buffer, bytes())
    })
    expect(result).toBe(0)
    expect(lent).toEqual(zeros)
  })

  it('wipes the lent copy when the promise is rejected', async () => {
    let lent: Buffer | undefined
    const failing = withSecret(holdSecret(bytes()), async (buffer) => {
      await new Promise(setImmediate)
      lent = buffer
      throw new Error('on purpose')
    })
    await expect(failing).rejects.toThrow('on purpose')
    expect(lent).toEqual(zeros)
  })

  it('lends a copy: what the function does to it does not change the secret', () => {
    const secret = holdSecret(bytes())
    withSecret(secret, (lent) => lent.fill(1))
    expect(withSecret(secret, (lent) => Buffer.compare(lent, bytes()))).toBe(0)
  })

  it('lends memory that is not on V8’s heap pool and shares its page with no other secret', () => {
    const secret = holdSecret(bytes())
    withSecret(secret, (one) =>
      withSecret(secret, (other) => {
        expect(one.buffer).not.toBe(other.buffer)
        expect(one.byteOffset).toBeGreaterThanOrEqual(16 * 1024)
        expect(one.buffer.byteLength - one.byteOffset - one.byteLength).toBeGreaterThanOrEqual(16 * 1024)
      }),
    )
  })

  it('refuses a secret that was disposed of', () => {
    const secret = holdSecret(bytes())
    secret.dispose()
    secret.dispose()
    expect(() => withSecret(secret, () => 1)).toThrow('disposed')
  })
})

describe('a Secret', () => {
  it('shows nothing of itself however it is printed', () => {
    const secret = holdSecret(bytes())
    const shown = [
      String(secret),
      secret.toString(),
      JSON.stringify({ secret }),
      inspect(secret, { showHidden: true, depth: 9, getters: true }),
      inspect({ deep: [secret] }, { showHidden: true, depth: 9 }),
      JSON.stringify(structuredClone(secret)),
      JSON.stringify(Object.getOwnPropertyDescriptors(secret)),
    ].join('\n')
    for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const)
      expect(shown).not.toContain(bytes().toString(form).slice(0, 8))
    expect(shown).not.toContain(bytes().join(',').slice(0, 8))
    expect(shown).toContain('[Secret]')
  })

  it('is different each time it is made', () => {
    const made = Array.from({ length: 20 }, () => withSecret(makeSecret(), (lent) => lent.toString('hex')))
    expect(new Set(made).size).toBe(20)
  })
})

describe('lockedBuffer and wipe', () => {
  it('gives zeros of the length asked for, and leaves zeros', () => {
    const buffer = lockedBuffer(100)
    expect(buffer).toEqual(Buffer.alloc(100))
    buffer.fill(9)
    wipe(buffer)
    wipe(buffer)
    expect(buffer).toEqual(Buffer.alloc(100))
  })

  it('wipes ordinary buffers too, and nothing beside them', () => {
    const whole = Buffer.alloc(30, 5)
    wipe(whole.subarray(10, 20))
    expect(whole).toEqual(Buffer.concat([Buffer.alloc(10, 5), Buffer.alloc(10), Buffer.alloc(10, 5)]))
  })

  it('does not unlock what it did not lock', () => {
    const shared = Buffer.from(new ArrayBuffer(64), 16, 32)
    wipe(shared.fill(3))
    expect(shared).toEqual(zeros)
  })

  it.runIf(process.platform === 'linux')('goes on where memory cannot be locked, and says so', () => {
    const subject = fileURLToPath(new URL('lock-refused-subject.ts', import.meta.url))
    const said = execFileSync('sh', ['-c', 'ulimit -l 0 && exec "$0" "$1"', process.execPath, subject], {
      encoding: 'utf8',
    })
    expect(JSON.parse(said)).toEqual({ before: false, digits: 32, after: true })
  })
})
