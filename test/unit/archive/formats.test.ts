import { randomBytes } from 'node:crypto'
import { zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deriveKeys } from '../../../main/core/keys/subkeys.ts'
import { blobKind, shrink } from '../../../main/core/archive/format/blob.ts'
import { encodePageMap, decodePageMap } from '../../../main/core/archive/format/page-map.ts'
import { checkHeaderMac, checkKey, decodeHeader, encodeHeader } from '../../../main/core/archive/format/header.ts'
import { keyCheck } from '../../../main/core/archive/format/hashes.ts'
import { identify, type Manifest } from '../../../main/core/archive/format/manifest.ts'
import { idBytes, newArchiveId, newPackId, newSnapshotId } from '../../../main/core/archive/format/names.ts'
import {
  PackBuilder,
  packCapacity,
  readIndex,
  readTrailer,
  trailerBytes,
} from '../../../main/core/archive/format/pack.ts'
import { padme } from '../../../main/core/archive/format/padding.ts'
import { openManifest, sealManifest } from '../../../main/core/archive/format/sealed-manifest.ts'

const keys = deriveKeys(randomBytes(32))
const archive = newArchiveId()

function exampleManifest(): Manifest {
  const base = {
    format: 1 as const,
    archive,
    seq: 7,
    snapshot: newSnapshotId(),
    revision: 1,
    predecessor: null,
    createdAt: 1_700_000_000_000,
    kind: 'sqlite',
    chats: 1,
    messages: 2,
    newest: null,
    writer: '00'.repeat(16),
    header: { number: 1, vault: null },
    vaultSeen: null,
    databases: [{ path: 'a.db', pageSize: 4096, pages: 3, digest: 'ab'.repeat(32), layers: [] }],
    files: { count: 0, bytes: 0, digest: 'cd'.repeat(32), layers: [] },
    forgotten: { count: 0, layers: [] },
    added: 12,
  }
  return { ...base, identity: identify(keys.identity, base) }
}

describe('a header', () => {
  const header = {
    number: 3,
    archive,
    keyCheck: keyCheck(keys, idBytes(archive)),
    vault: { address: 'https://vault.example', fingerprint: randomBytes(32), record: randomBytes(32) },
  }
  const bytes = encodeHeader(header, keys)

  it('reads back as it was written', () => {
    const read = decodeHeader(bytes)
    checkKey(read, keys)
    checkHeaderMac(read, keys)
    expect(read).toMatchObject(header)
  })

  it('is refused when any byte of it is changed, and never crashes', () => {
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(() => {
        const read = decodeHeader(changed)
        checkKey(read, keys)
        checkHeaderMac(read, keys)
      }, `byte ${at}`).toThrow(/header_altered|newer_format|wrong_key/)
    }
  })

  it('refuses another key at once', () => {
    expect(() => checkKey(decodeHeader(bytes), deriveKeys(randomBytes(32)))).toThrow(/wrong_key/)
  })
})

describe('a manifest', () => {
  const manifest = exampleManifest()
  const sealed = sealManifest(manifest, keys)

  it('reads back under its own name only', () => {
    const name = { seq: 7, snapshot: manifest.snapshot, revision: 1 }
    expect(openManifest(sealed, name, archive, keys)).toEqual(manifest)
    expect(() => openManifest(sealed, { ...name, seq: 8 }, archive, keys)).toThrow()
    expect(() => openManifest(sealed, { ...name, revision: 2 }, archive, keys)).toThrow()
    expect(() => openManifest(sealed, name, newArchiveId(), keys)).toThrow()
  })

  it('is refused when any byte is changed, cut or added', () => {
    const name = { seq: 7, snapshot: manifest.snapshot, revision: 1 }
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 128
      expect(() => openManifest(changed, name, archive, keys), `byte ${at}`).toThrow()
    }
    for (let length = 0; length < sealed.length; length += 7)
      expect(() => openManifest(sealed.subarray(0, length), name, archive, keys)).toThrow()
    expect(() => openManifest(Buffer.concat([sealed, Buffer.alloc(1)]), name, archive, keys)).toThrow()
  })
})

describe('a pack', () => {
  it('tells in its index all it holds, and has a padded length', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 20 }), (blobs) => {
        const id = newPackId()
        const buffer = new ArrayBuffer(packCapacity)
        const pack = new PackBuilder(archive, id, keys.blobs, buffer)
        const placed = blobs.map((blob) =>
          pack.add(blobKind.piece, Buffer.from(blob), Buffer.alloc(32, blob.length & 255)),
        )
        const bytes = Buffer.from(buffer, 0, pack.finish().length)
        expect(padme(bytes.length)).toBe(bytes.length)
        const at = readTrailer(bytes.subarray(-trailerBytes), bytes.length)
        const index = readIndex(bytes.subarray(at.offset, at.offset + at.length), at, archive, id, keys.blobs)
        expect(index.length).toBe(blobs.length + 1)
        placed.forEach((place, i) =>
          expect(index[i]).toMatchObject({ ...place, hashes: Buffer.alloc(32, (blobs[i]?.length ?? 0) & 255) }),
        )
      }),
      { numRuns: 30 },
    )
  })
})

describe('what is worth compressing', () => {
  const text = Buffer.from('Bye for now, and write when you have arrived. '.repeat(5000))
  const random = randomBytes(200_000)
  const mixed = Buffer.concat([text, random, text])

  it.each([
    ['text', blobKind.piece, text, true],
    ['a photo', blobKind.piece, random, false],
    ['a photo of a few bytes', blobKind.piece, random.subarray(0, 500), false],
    ['text around a photo: a piece is judged by its middle', blobKind.piece, mixed, false],
    ['the same in pages, which are always tried', blobKind.pages, mixed, true],
  ])('%s', (_, kind, plain, compressed) => {
    const result = shrink(kind, plain)
    expect(result.compressed).toBe(compressed)
    expect(result.bytes.length < plain.length).toBe(compressed)
    expect((compressed ? zstdDecompressSync(result.bytes) : result.bytes).equals(plain)).toBe(true)
  })
})

describe('a page map', () => {
  it('reads back what was written', () => {
    const pack = { id: newPackId(), size: 1000 }
    const entries = Array.from({ length: 300 }, (_, i) => ({
      page: i * 3,
      hash: randomBytes(16),
      index: i % 64,
      place: { pack, ordinal: i >> 6, offset: (i >> 6) * 100, length: 100, compressed: i % 128 < 64 },
    }))
    const read = decodePageMap(encodePageMap(entries), pack)
    entries.forEach((entry, i) => {
      expect(read.pages[i]).toBe(entry.page)
      expect(read.places[read.rows[i] ?? -1]).toEqual(entry.place)
      expect(read.indexes[i]).toBe(entry.index)
      expect(read.hashes.subarray(i * 16, i * 16 + 16)).toEqual(entry.hash)
    })
  })

  it('throws only Malformed on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        try {
          decodePageMap(Buffer.from(bytes), { id: newPackId(), size: 100 })
        } catch (error) {
          expect((error as Error).constructor.name).toBe('Malformed')
        }
      }),
    )
  })
})
