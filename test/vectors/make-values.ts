/** `values.json`: every intermediate value of the format, each with what it was made from. */
import { join } from 'node:path'
import { BlobLabel, blobKind, type BlobKind, sealInto, shrink } from '../../main/core/archive/format/blob.ts'
import { preimage, u32 } from '../../main/core/archive/format/bytes.ts'
import { type FileEntry, FileListBuilder, fileListField } from '../../main/core/archive/format/file-list.ts'
import { encodeForgotten } from '../../main/core/archive/format/forgotten-list.ts'
import { databaseDigest, fileDigest, fileListDigest, keyCheck } from '../../main/core/archive/format/hashes.ts'
import { encodeHeader, type Header } from '../../main/core/archive/format/header.ts'
import { encodeRoot } from '../../main/core/archive/format/layer-root.ts'
import { maxBlobPlain, sealOverhead } from '../../main/core/archive/format/limits.ts'
import { branded } from '../../main/core/archive/format/manifest.ts'
import { idBytes, type Identity, newPackId } from '../../main/core/archive/format/names.ts'
import { padme } from '../../main/core/archive/format/padding.ts'
import { encodePageMap } from '../../main/core/archive/format/page-map.ts'
import type { Place } from '../../main/core/archive/format/places.ts'
import { deriveSubkey } from '../../main/core/keys/subkeys.ts'
import type { Values } from './values.ts'
import { digits, writeJson } from './write-vector.ts'
import { archive, hex, key, keys, pack, page, piece } from './value-keys.ts'
import { manifestValues, packValues } from './value-objects.ts'

export function makeValues(folder: string): void {
  const packed = packValues()
  const values: Values = {
    note: 'Intermediate values, see docs/FORMAT.md. Bytes are hexadecimal; 64-bit integers are decimal text.',
    key: digits(key),
    archive,
    subkeys: {
      ...Object.fromEntries(Object.entries(keys).map(([name, bytes]) => [name, hex(bytes)])),
      ownerSeed: hex(deriveSubkey(key, 'ownerSeed')),
    },
    preimages: [[], [''], ['a', 'bc'], ['ab', 'c'], ['', 'é\n']].map((fields) => ({
      fields: fields.map((text) => hex(Buffer.from(text))),
      bytes: hex(preimage(...fields)),
    })),
    keyCheck: hex(keyCheck(keys, idBytes(archive))),
    headers: headerValues(),
    padme: [
      0, 1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 33, 100, 255, 256, 257, 1000, 4096, 4097, 65_536, 65_537, 1_000_000,
      16_777_215, 16_777_216, 16_777_217, 20_971_519, 33_554_432,
    ].map((n): [number, number] => [n, padme(n)]),
    blobs: blobValues(),
    ...hashValues(),
    tables: tableValues(),
    pack: packed,
    manifest: manifestValues(packed.blobs[0]?.length ?? 0),
  }
  writeJson(join(folder, 'values.json'), values)
}

function headerValues(): Values['headers'] {
  const vault = {
    address: 'https://vault.example:8443',
    fingerprint: Buffer.alloc(32, 0xf1),
    record: Buffer.alloc(32, 0x7e),
  }
  return [
    { number: 1, vault: null },
    { number: 9_007_199_254_740_991, vault },
  ].map(({ number, vault: reference }) => {
    const header: Header = { number, archive, keyCheck: keyCheck(keys, idBytes(archive)), vault: reference }
    const file = encodeHeader(header, keys).toString()
    const { body, mac } = JSON.parse(file) as { body: string; mac: string }
    return {
      number: String(number),
      vault: reference && {
        address: reference.address,
        fingerprint: hex(reference.fingerprint),
        record: hex(reference.record),
      },
      body: hex(Buffer.from(body, 'base64url')),
      mac: hex(Buffer.from(mac, 'base64url')),
      file,
    }
  })
}

function blobValues(): Values['blobs'] {
  const text = Buffer.from('A message that says the same again. '.repeat(20))
  const blobs: [BlobKind, number, Buffer][] = [
    [blobKind.pages, 0, text],
    [blobKind.piece, 1, Buffer.from('short')],
    [blobKind.padding, 4_000_000_000, Buffer.alloc(0)],
  ]
  return blobs.map(([kind, ordinal, plain]) => {
    const { bytes, compressed } = shrink(blobKind.piece, plain)
    const label = new BlobLabel(archive, pack).of(kind, ordinal, compressed)
    const sealed = Buffer.alloc(bytes.length + sealOverhead)
    sealInto(sealed, 0, bytes, label, keys.blobs)
    return {
      kind,
      ordinal,
      compressed,
      plain: hex(plain),
      encrypted: hex(bytes),
      additionalData: hex(label),
      nonce: hex(sealed.subarray(0, 24)),
      sealed: hex(sealed),
      pack,
    }
  })
}

const files: FileEntry[] = [
  { path: Buffer.from('Media/a\nb.txt'), content: Buffer.from('hello'), modified: 1_700_000_000_123_456_789n },
  { path: Buffer.from([0x4d, 0x2f, 0xff, 0xfe]), content: Buffer.alloc(0), modified: -1n },
].map(({ path, content, modified }) => {
  const pieces = content.length === 0 ? [] : [piece(content)]
  const place: Place = { pack: { id: pack, size: 5000 }, ordinal: 3, offset: 300, length: 45, compressed: false }
  return {
    path,
    modified,
    size: content.length,
    digest: fileDigest(keys, content.length, Buffer.concat(pieces.map(({ hash }) => hash))),
    pieces: pieces.map(({ hash }) => ({ hash, place })),
  }
})

function hashValues(): Pick<
  Values,
  'pages' | 'database' | 'emptyDatabase' | 'pieces' | 'file' | 'emptyFile' | 'files' | 'emptyFiles'
> {
  const pages = [page(0), page(1), page(255)]
  const digest = databaseDigest(keys, 512, pages.length)
  for (const { hash } of pages) digest.update(hash)
  // As long as a piece can be, and one byte: what `repeat` says is repeated to this length.
  const [whole, rest] = [piece(Buffer.alloc(maxBlobPlain, 'coffer')), piece(Buffer.from('x'))]
  const list = fileListDigest(keys)
  for (const file of files) list.update(fileListField(file))
  return {
    pages: pages.map(({ bytes, hash }) => ({ page: hex(bytes), hash: hex(hash) })),
    database: { pageSize: 512, pages: 3, digest: hex(digest.final()) },
    emptyDatabase: { pageSize: 65_536, pages: 0, digest: hex(databaseDigest(keys, 65_536, 0).final()) },
    pieces: [
      { repeat: hex(Buffer.from('coffer')), length: maxBlobPlain, hash: hex(whole.hash) },
      { repeat: hex(Buffer.from('x')), length: 1, hash: hex(rest.hash) },
    ],
    file: {
      size: maxBlobPlain + 1,
      digest: hex(fileDigest(keys, maxBlobPlain + 1, Buffer.concat([whole.hash, rest.hash]))),
    },
    emptyFile: { size: 0, digest: hex(fileDigest(keys, 0, Buffer.alloc(0))) },
    files: {
      entries: files.map((file) => ({
        path: hex(file.path),
        size: file.size,
        modified: String(file.modified),
        digest: hex(file.digest),
        field: hex(fileListField(file)),
      })),
      digest: hex(list.final()),
    },
    emptyFiles: { digest: hex(fileListDigest(keys).final()) },
  }
}

function tableValues(): Values['tables'] {
  const own = { id: pack, size: 0 }
  const other = { id: newPackId(), size: 70_000 }
  const at = (ref: Place['pack'], ordinal: number): Place => ({
    pack: ref,
    ordinal,
    offset: ordinal * 1000,
    length: 40 + ordinal,
    compressed: ordinal % 2 === 1,
  })
  const show = ({ pack: { id, size }, ...place }: Place) => ({ pack: id, size, ...place })
  const entries = [0, 1, 7, 4_000_000_000].map((number, i) => ({
    page: number,
    hash: page(i).hash,
    place: at(i < 2 ? own : other, i),
    index: i === 3 ? 8191 : i,
  }))
  const identity = (byte: string) => branded<Identity>(32).parse(byte.repeat(32))
  const rows = [
    { identity: identity('11'), predecessor: null },
    { identity: identity('22'), predecessor: identity('11') },
  ]
  const list = new FileListBuilder()
  for (const file of files.slice(0, 1)) list.add(file, 10)
  list.add({ path: Buffer.from('Media/gone'), removed: true }, 10)
  const roots = [
    { place: at(own, 2), entries: 4, first: u32(0), last: u32(7) },
    { place: at(other, 3), entries: 1, first: u32(4_000_000_000), last: u32(4_000_000_000) },
  ]
  return {
    own: { pack, size: 5000 },
    map: {
      plain: hex(encodePageMap(entries)),
      entries: entries.map(({ page: number, hash, place, index }) => ({
        page: number,
        hash: hex(hash),
        index,
        place: show(place),
      })),
    },
    files: {
      plain: hex(list.encode()),
      entries: [
        ...files.slice(0, 1).map((file) => ({
          path: hex(file.path),
          size: file.size,
          modified: String(file.modified),
          digest: hex(file.digest),
          pieces: file.pieces.map(({ hash, place }) => ({ hash: hex(hash), place: show(place) })),
        })),
        { path: hex(Buffer.from('Media/gone')), removed: true as const },
      ],
    },
    root: {
      kind: blobKind.map,
      plain: hex(encodeRoot(blobKind.map, roots)),
      blobs: roots.map(({ place, entries: count, first, last }) => ({
        place: show(place),
        entries: count,
        first: hex(first),
        last: hex(last),
      })),
    },
    forgotten: { plain: hex(encodeForgotten(rows)), entries: rows },
  }
}
