import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CofferError } from '../../contract/errors.ts'
import { blobKind } from '../../main/core/archive/format/blob.ts'
import { ByteWriter, Malformed, u32 } from '../../main/core/archive/format/bytes.ts'
import { decodeFileList, FileListBuilder } from '../../main/core/archive/format/file-list.ts'
import { decodeForgotten, encodeForgotten } from '../../main/core/archive/format/forgotten-list.ts'
import { decodeHeader, encodeHeader } from '../../main/core/archive/format/header.ts'
import { decodeRoot, encodeRoot, type LayerKind } from '../../main/core/archive/format/layer-root.ts'
import { branded } from '../../main/core/archive/format/manifest.ts'
import { type Identity, newArchiveId, newPackId, newSnapshotId } from '../../main/core/archive/format/names.ts'
import { readTrailer } from '../../main/core/archive/format/pack.ts'
import { decodePageMap, encodePageMap } from '../../main/core/archive/format/page-map.ts'
import { openManifest } from '../../main/core/archive/format/sealed-manifest.ts'
import { deriveKeys } from '../../main/core/keys/subkeys.ts'

const keys = deriveKeys(randomBytes(32))
const self = { id: newPackId(), size: 20_000 }
const other = { id: newPackId(), size: 5000 }
const place = (ordinal: number, pack = self) => ({
  pack,
  ordinal,
  offset: ordinal * 100,
  length: 100,
  compressed: ordinal % 2 === 0,
})
const identity = (n: number) => branded<Identity>(32).parse(n.toString(16).padStart(64, '0'))

const pageMap = encodePageMap(
  Array.from({ length: 40 }, (_, i) => ({
    page: i * 2,
    hash: randomBytes(16),
    index: i % 8,
    place: place(i >> 3, i > 20 ? other : self),
  })),
)
const fileList = (() => {
  const builder = new FileListBuilder()
  for (let i = 0; i < 20; i++) {
    const path = Buffer.from(`M/${String(i).padStart(3, '0')}`)
    const pieces = [{ hash: randomBytes(32), place: place(i) }]
    builder.add(
      i % 5 === 0 ? { path, removed: true } : { path, size: 9, modified: -5n, digest: randomBytes(32), pieces },
      100,
    )
  }
  return builder.encode()
})()
const mapRoot = encodeRoot(
  blobKind.map,
  [0, 1, 2].map((i) => ({ place: place(i), entries: 10, first: u32(i * 10), last: u32(i * 10 + 9) })),
)
const fileRoot = encodeRoot(
  blobKind.files,
  ['a', 'c', 'e'].map((name, i) => ({
    place: place(i),
    entries: 10,
    first: Buffer.from(name),
    last: Buffer.from(`${name}z`),
  })),
)
const forgotten = encodeForgotten(
  [1, 2, 9].map((n) => ({ identity: identity(n), predecessor: n === 1 ? null : identity(n - 1) })),
)
const header = encodeHeader({ number: 1, archive: newArchiveId(), keyCheck: randomBytes(16), vault: null }, keys)
const trailer = new ByteWriter().raw(Buffer.from('cofferpk')).u32(300).u32(7).done()

const decoders: Record<string, { valid: Buffer; decode: (bytes: Buffer) => unknown }> = {
  'a page map': { valid: pageMap, decode: (bytes) => decodePageMap(bytes, self) },
  'a file list': { valid: fileList, decode: (bytes) => [...decodeFileList(bytes, self)] },
  'a root of a map': { valid: mapRoot, decode: (bytes) => decodeRoot(bytes, blobKind.map, self) },
  'a root of a file list': { valid: fileRoot, decode: (bytes) => decodeRoot(bytes, blobKind.files, self) },
  'a root of a forgotten list': {
    valid: encodeRoot(blobKind.forgotten, []),
    decode: (bytes) => decodeRoot(bytes, blobKind.forgotten, self),
  },
  'a forgotten list': { valid: forgotten, decode: decodeForgotten },
  'a header': { valid: header, decode: (bytes) => decodeHeader(bytes) },
  'a trailer': { valid: trailer, decode: (bytes) => readTrailer(bytes, 20_000) },
  'a manifest': {
    valid: Buffer.alloc(4137),
    decode: (bytes) => openManifest(bytes, { seq: 1, snapshot: newSnapshotId(), revision: 1 }, newArchiveId(), keys),
  },
}

/** A valid table with a few bytes changed, cut or repeated, or any bytes at all. */
function mutated(valid: Buffer): fc.Arbitrary<Buffer> {
  const edit = fc.record({ at: fc.nat(valid.length - 1), value: fc.constantFrom(0, 1, 0x7f, 0x80, 0xff) })
  return fc.oneof(
    fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(fc.array(edit, { minLength: 1, maxLength: 6 }), fc.nat(valid.length)).map(([edits, cut]) => {
      const bytes = Buffer.from(valid)
      for (const { at, value } of edits) bytes[at] = value
      return edits.length % 3 === 0
        ? bytes.subarray(0, cut)
        : edits.length % 5 === 0
          ? Buffer.concat([bytes, bytes])
          : bytes
    }),
  )
}

describe.each(Object.entries(decoders))('decoding %s', (name, { valid, decode }) => {
  it.skipIf(name === 'a manifest')('takes what was written', () => {
    expect(() => decode(valid)).not.toThrow()
  })

  it('takes or refuses any bytes, and never fails otherwise', () => {
    fc.assert(
      fc.property(mutated(valid), (bytes) => {
        try {
          decode(bytes)
        } catch (error) {
          if (!(error instanceof Malformed) && !(error instanceof CofferError)) throw error
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a table that claims to be larger than it is', () => {
  it('is refused before room is made for it', () => {
    const claims = Buffer.alloc(64, 0xff)
    const before = process.memoryUsage().arrayBuffers
    for (const { decode } of Object.values(decoders)) expect(() => decode(claims)).toThrow()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024)
  })
})

describe('a root', () => {
  const blob = (first: Buffer, last: Buffer, entries = 5) => ({ place: place(1), entries, first, last })
  it.each<[string, LayerKind, ReturnType<typeof blob>[]]>([
    ['pages out of order', blobKind.map, [blob(u32(256), u32(300)), blob(u32(1), u32(2))]],
    ['pages that overlap', blobKind.map, [blob(u32(0), u32(300)), blob(u32(300), u32(400))]],
    ['a range that ends before it begins', blobKind.map, [blob(u32(300), u32(2))]],
    ['a key that is no page', blobKind.map, [blob(Buffer.from('abc'), u32(2))]],
    [
      'paths that overlap',
      blobKind.files,
      [blob(Buffer.from('a'), Buffer.from('c')), blob(Buffer.from('b'), Buffer.from('d'))],
    ],
    ['a key that is no identity', blobKind.forgotten, [blob(Buffer.alloc(31), Buffer.alloc(32))]],
    ['a blob without entries', blobKind.map, [blob(u32(0), u32(1), 0)]],
    ['a blob with too many', blobKind.map, [blob(u32(0), u32(1), 65_537)]],
  ])('with %s is refused', (_, kind, blobs) => {
    expect(() => decodeRoot(encodeRoot(kind, blobs), kind, self)).toThrow(Malformed)
  })

  it('counts little-endian pages as numbers', () => {
    const blobs = [blob(u32(1), u32(255)), blob(u32(256), u32(257)), blob(u32(65_536), u32(70_000))]
    expect(decodeRoot(encodeRoot(blobKind.map, blobs), blobKind.map, self)).toHaveLength(3)
  })
})
