import { describe, expect, it } from 'vitest'
import { CofferError } from '../../../contract/errors.ts'
import { withSecret } from '../../../main/core/keys/secret.ts'
import { readCrypt15Key, readCrypt15KeyFile } from '../../../main/core/stores/crypt15-key.ts'
import { crypt15Digits as digits, fixture } from './fixtures.ts'

const head = 'aced0005757200025b42acf317f8060854e002000078700000'
const keyFile = Buffer.from(`${head}0020${digits}`, 'hex')
const hexOf = (content: Uint8Array) => withSecret(readCrypt15Key(content), (bytes) => bytes.toString('hex'))

function faultOf(content: Uint8Array): unknown {
  try {
    return hexOf(content)
  } catch (error) {
    return error instanceof CofferError && error.code === 'key_malformed' ? error.detail['fault'] : error
  }
}

describe('WhatsApp’s key', () => {
  it('is read from encrypted_backup.key as from its digits', () => {
    expect(keyFile).toHaveLength(59)
    expect(hexOf(keyFile)).toBe(digits)
    expect(hexOf(Buffer.from(`${digits.toUpperCase().replace(/(.{4})/g, '$1 ')}\n`))).toBe(digits)
  })

  it.runIf(fixture('whatsapp-crypt15') !== undefined)('is read from a real encrypted_backup.key', async () => {
    const key = await readCrypt15KeyFile(fixture('whatsapp-crypt15', 'encrypted_backup.key') ?? '')
    expect(withSecret(key, (bytes) => bytes.toString('hex'))).toBe(digits)
  })

  it('leaves what it was read from as it was', () => {
    const content = Buffer.from(keyFile)
    readCrypt15Key(content)
    expect(content.equals(keyFile)).toBe(true)
  })

  it('is not taken from the key file of the older kind, which is named', () => {
    expect(faultOf(Buffer.concat([Buffer.from(`${head}0083`, 'hex'), Buffer.alloc(131, 1)]))).toBe('crypt14_key')
  })

  it('is not taken from a key file that is cut off or too long anywhere', () => {
    for (let length = 1; length < keyFile.length; length++)
      expect(faultOf(keyFile.subarray(0, length)), `${length}`).toBe('key_file')
    expect(faultOf(Buffer.concat([keyFile, Buffer.of(0)]))).toBe('key_file')
  })

  it('is not taken from a key file whose head is altered anywhere', () => {
    for (let at = 1; at < 27; at++) {
      const altered = Buffer.from(keyFile)
      altered[at] = (altered[at] ?? 0) ^ 0x40
      expect(faultOf(altered), `byte ${at}`).toBe('key_file')
    }
  })

  it('is not taken from other bytes or texts', () => {
    expect(faultOf(Buffer.alloc(0))).toBe('length')
    expect(faultOf(Buffer.alloc(32, 0xff))).toBe('character')
    expect(faultOf(Buffer.from(digits.slice(1)))).toBe('length')
  })
})
