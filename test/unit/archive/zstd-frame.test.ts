import { randomBytes } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { BlobLabel, blobKind, openBlob, sealInto } from '../../../main/core/archive/format/blob.ts'
import { Malformed } from '../../../main/core/archive/format/bytes.ts'
import { sealOverhead } from '../../../main/core/archive/format/limits.ts'
import { newArchiveId, newPackId } from '../../../main/core/archive/format/names.ts'
import { openFrame } from '../../../main/core/archive/format/zstd-frame.ts'

const plain = Buffer.from('What is said twice is said once. '.repeat(40_000))
const frame = zstdCompressSync(plain)
const skippable = Buffer.from('502a4d180400000001020304', 'hex')

const behind: [string, Buffer][] = [
  ['a byte', Buffer.from('x')],
  ['a skippable frame', skippable],
  ['an empty frame', zstdCompressSync(Buffer.alloc(0))],
  ['the same once more', frame],
]

describe('compressed bytes are one frame', () => {
  it('of any length up to the limit, in as many steps as zlib needs', () => {
    for (const chunkSize of [1024, 65_536, 4_194_304])
      expect(openFrame(frame, { chunkSize, maxOutputLength: plain.length }).equals(plain)).toBe(true)
    expect(() => openFrame(frame, { maxOutputLength: plain.length - 1 })).toThrow(Malformed)
    expect(() => openFrame(frame.subarray(0, -1), { maxOutputLength: plain.length })).toThrow(Malformed)
  })

  it.each(behind)('and are refused with %s behind them', (_, extra) => {
    const bytes = Buffer.concat([frame, extra])
    expect(() => openFrame(bytes, { maxOutputLength: 4_194_304 })).toThrow(Malformed)
    const [key, label] = [randomBytes(32), new BlobLabel(newArchiveId(), newPackId()).of(blobKind.root, 0, true)]
    const sealed = Buffer.alloc(bytes.length + sealOverhead)
    sealInto(sealed, 0, bytes, label, key)
    expect(() => openBlob(sealed, label, true, key)).toThrow(Malformed)
  })

  it('and are refused with a skippable frame before them', () => {
    expect(() => openFrame(Buffer.concat([skippable, frame]), { maxOutputLength: 4_194_304 })).toThrow(Malformed)
  })
})
