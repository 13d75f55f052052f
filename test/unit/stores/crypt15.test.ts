/** A real crypt15 file, and any byte of one altered. */
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { describe as wordsFor } from '../../../contract/errors.ts'
import { readKey } from '../../../main/core/keys/sixty-four-digits.ts'
import { unlockCrypt15 } from '../../../main/core/stores/crypt15.ts'
import { readCrypt15KeyFile } from '../../../main/core/stores/crypt15-key.ts'
import { makeCrypt15, tinyContent, withMd5 } from '../../fixtures/make-crypt15.ts'
import { crypt15ForTest, flipped, keyOf, root } from './crypt15-place.ts'
import { crypt15Digits, fixture } from './fixtures.ts'

const real = fixture('whatsapp-crypt15', 'msgstore.db.crypt15')
const realKey = fixture('whatsapp-crypt15', 'encrypted_backup.key')

describe.runIf(real !== undefined && realKey !== undefined)('a real msgstore.db.crypt15', () => {
  const source = () => readFileSync(real ?? '')

  it('becomes exactly its database, with the 64 digits', async () => {
    const { left, out } = crypt15ForTest()
    await unlockCrypt15({ file: real ?? '', key: readKey(crypt15Digits).key, out })
    expect(createHash('sha256').update(readFileSync(out)).digest('hex')).toBe(
      '1425b944a2e3885fc936a7bb82f6548c5cc09523a2f61f02aa836c4ed8bbd16e',
    )
    expect(left()).toEqual(['msgstore.db'])
    if (process.platform !== 'win32') expect(statSync(out).mode & 0o777).toBe(0o600)
  })

  it('becomes exactly its database, with encrypted_backup.key', async () => {
    const { out } = crypt15ForTest()
    const { bytes } = await unlockCrypt15({ file: real ?? '', key: await readCrypt15KeyFile(realKey ?? ''), out })
    expect(readFileSync(out).equals(readFileSync(fixture('whatsapp-crypt15', 'msgstore.db') ?? ''))).toBe(true)
    expect(bytes).toBe(statSync(out).size)
  })

  it('is refused with another key, however close, and nothing is left behind', async () => {
    const { codeFor } = crypt15ForTest()
    for (const bit of [0, 100, 255]) {
      const wrong = flipped(Buffer.from(crypt15Digits, 'hex'), bit >> 3, 1 << (bit & 7))
      expect(await codeFor(source(), { key: keyOf(wrong) })).toBe('wrong_key')
    }
    expect(wordsFor('wrong_key').exit).toBe(3)
  })

  it('is refused as damaged when a byte of it is flipped: each of the head, the seal and the checksum, many between', async () => {
    const { codeFor } = crypt15ForTest()
    const bytes = source()
    const key = () => keyOf(Buffer.from(crypt15Digits, 'hex'))
    const middle = Array.from({ length: 60 }, (_, i) => 140 + Math.floor(((bytes.length - 200) * i) / 60))
    const ends = Array.from({ length: 36 }, (_, i) => bytes.length - 1 - i)
    for (const at of [...Array(140).keys(), ...middle, ...ends])
      expect(await codeFor(flipped(bytes, at, 1 << (at % 8)), { key: key() }), `byte ${at}`).toBe('crypt15_damaged')
  })
})

describe('any byte of a crypt15 file', () => {
  const bytes = makeCrypt15({ root, content: tinyContent })

  it('cannot be altered without being noticed', async () => {
    const { codeFor } = crypt15ForTest()
    expect(await codeFor(bytes)).toBe('done')
    for (let at = 0; at < bytes.length; at++)
      for (const mask of [0x01, 0x08, 0x80, 0xff])
        expect(await codeFor(flipped(bytes, at, mask)), `byte ${at} ^ ${mask}`).toBe('crypt15_damaged')
  })

  it('of the length, the mark and the first field can take no other value at all', async () => {
    const { codeFor } = crypt15ForTest()
    for (let at = 0; at < 3; at++)
      for (let mask = 1; mask < 256; mask++)
        expect(await codeFor(flipped(bytes, at, mask)), `byte ${at} ^ ${mask}`).toBe('crypt15_damaged')
  })

  it('cannot be cut off, and none can be added', async () => {
    const { codeFor } = crypt15ForTest()
    for (let length = 0; length < bytes.length; length++)
      expect(await codeFor(bytes.subarray(0, length)), `${length} bytes`).toBe('crypt15_damaged')
    expect(await codeFor(Buffer.concat([bytes, Buffer.of(0)]))).toBe('crypt15_damaged')
  })

  it('cannot be altered by someone who makes the checksum fit again', async () => {
    const { codeFor } = crypt15ForTest()
    const body = bytes.length - 16
    for (let at = bytes.length - 16 - 16 - tinyContent.length + 2; at < body; at++)
      expect(await codeFor(withMd5(flipped(bytes.subarray(0, body), at, 1))), `byte ${at}`).toBe('crypt15_damaged')
  })
})
