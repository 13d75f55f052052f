/** Crypt15 files that are not like the usual one, made up to be so. */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { bytesField, makeCrypt15, numberField, tinyContent, tinyDatabase } from '../../fixtures/make-crypt15.ts'
import { crypt15ForTest, flipped, keyOf, root } from './crypt15-place.ts'

describe('crypt15 files of other shapes', () => {
  const iv = Buffer.alloc(16, 0x33)
  const cipherField = bytesField(3, bytesField(1, iv))

  it.each([
    ['no mark (other databases)', { marked: false }],
    ['no mark and no checksum', { marked: false, md5: false }],
    ['a short vector', { iv: Buffer.alloc(12, 9) }],
    [
      'unknown fields around',
      {
        iv,
        protobuf: Buffer.concat([
          numberField(90, 300),
          bytesField(77, Buffer.from('new')),
          cipherField,
          numberField(5, 0),
        ]),
      },
    ],
    [
      'the vector last of several',
      { iv, protobuf: Buffer.concat([bytesField(3, bytesField(1, Buffer.alloc(16))), cipherField]) },
    ],
    ['both vectors', { iv, protobuf: Buffer.concat([bytesField(2, bytesField(5, Buffer.alloc(16))), cipherField]) }],
    ['nothing but the vector', { iv, protobuf: cipherField }],
    [
      'the longest head',
      { iv, protobuf: Buffer.concat([cipherField, bytesField(9, Buffer.alloc(255 - cipherField.length - 3))]) },
    ],
  ])('open with %s', async (_, shape) => {
    const { file, out, unlock } = crypt15ForTest()
    writeFileSync(file, makeCrypt15({ root, content: tinyContent, ...shape }))
    expect(await unlock()).toEqual({ bytes: tinyDatabase.length })
    expect(readFileSync(out).equals(tinyDatabase)).toBe(true)
  })

  it('open with bytes after the compressed database, which WhatsApp itself must have put there', async () => {
    const { codeFor } = crypt15ForTest()
    expect(await codeFor(makeCrypt15({ root, content: Buffer.concat([tinyContent, randomBytes(600_000)]) }))).toBe(
      'done',
    )
  })

  it('are explained when they are of the older kind', async () => {
    const { codeFor } = crypt15ForTest()
    const protobuf = Buffer.concat([numberField(1, 0), bytesField(2, bytesField(5, iv))])
    expect(await codeFor(makeCrypt15({ root, content: tinyContent, protobuf }))).toBe('crypt14_unsupported')
    expect(await codeFor(makeCrypt15({ root, content: tinyContent, protobuf, marked: false }))).toBe(
      'crypt14_unsupported',
    )
  })

  it('are explained when they hold stickers or wallpapers', async () => {
    const { codeFor } = crypt15ForTest()
    const zip = Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(300)])
    expect(await codeFor(makeCrypt15({ root, content: zip, marked: false, md5: false }))).toBe('crypt15_not_messages')
    expect(await codeFor(makeCrypt15({ root, content: deflateSync(zip), marked: false }))).toBe('crypt15_not_messages')
    expect(await codeFor(makeCrypt15({ root, content: Buffer.from('who knows') }))).toBe('crypt15_not_messages')
    expect(await codeFor(makeCrypt15({ root, content: Buffer.alloc(0) }))).toBe('crypt15_not_messages')
  })

  it('without a checksum: a wrong key and damage are still told apart', async () => {
    const { codeFor } = crypt15ForTest()
    const bytes = makeCrypt15({ root, content: tinyContent, marked: false, md5: false })
    expect(await codeFor(bytes, { key: keyOf(Buffer.alloc(32, 1)) })).toBe('wrong_key')
    expect(await codeFor(flipped(bytes, bytes.length - 1, 1))).toBe('crypt15_damaged')
    expect(await codeFor(flipped(bytes, bytes.length - 20, 1))).toBe('crypt15_damaged')
  })

  it('are damaged when what WhatsApp sealed is not whole', async () => {
    const { codeFor } = crypt15ForTest()
    expect(await codeFor(makeCrypt15({ root, content: tinyContent.subarray(0, -1) }))).toBe('crypt15_damaged')
    expect(await codeFor(makeCrypt15({ root, content: tinyContent.subarray(0, 20) }))).toBe('crypt15_damaged')
    expect(await codeFor(makeCrypt15({ root, content: flipped(tinyContent, tinyContent.length - 1, 1) }))).toBe(
      'crypt15_damaged',
    )
  })

  it('never unpack to more than allowed', async () => {
    const { codeFor } = crypt15ForTest()
    const bomb = deflateSync(Buffer.concat([tinyDatabase, Buffer.alloc(4_000_000)]))
    expect(await codeFor(makeCrypt15({ root, content: bomb }), { maxBytes: 3_000_000 })).toBe('crypt15_damaged')
    expect(await codeFor(makeCrypt15({ root, content: bomb }), { maxBytes: 4_000_512 })).toBe('done')
  })
})
