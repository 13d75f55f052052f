/** Of values.json: a pack with its index, and a manifest with its identity. */
import { blobKind } from '../../main/core/archive/format/blob.ts'
import { i64, preimage, u32, u64 } from '../../main/core/archive/format/bytes.ts'
import { encodeRoot } from '../../main/core/archive/format/layer-root.ts'
import { branded, identify, type Manifest } from '../../main/core/archive/format/manifest.ts'
import { idBytes, manifestName, type Identity, newSnapshotId, packName } from '../../main/core/archive/format/names.ts'
import { PackBuilder, packCapacity, readTrailer, trailerBytes } from '../../main/core/archive/format/pack.ts'
import { sealManifest } from '../../main/core/archive/format/sealed-manifest.ts'
import { pullStream } from '../../main/core/archive/format/secretstream.ts'
import type { Values } from './values.ts'
import { archive, hex, keys, pack, page, piece } from './value-keys.ts'

export function packValues(): Values['pack'] {
  const buffer = new ArrayBuffer(packCapacity)
  const builder = new PackBuilder(archive, pack, keys.blobs, buffer)
  const [one, two] = [page(1), page(2)]
  const file = piece(Buffer.from('A file that is no longer than this.'))
  const added = [
    { kind: blobKind.pages, plain: Buffer.concat([one.bytes, two.bytes]), hashes: Buffer.concat([one.hash, two.hash]) },
    { kind: blobKind.piece, plain: file.bytes, hashes: file.hash },
    { kind: blobKind.root, plain: encodeRoot(blobKind.files, []), hashes: Buffer.alloc(0) },
  ].map(({ kind, plain, hashes }) => ({
    kind,
    plain: hex(plain),
    hashes: hex(hashes),
    ...builder.add(kind, plain, hashes),
  }))
  const object = Buffer.from(buffer, 0, builder.finish().length)
  const { ordinal, offset, length } = readTrailer(object.subarray(-trailerBytes), object.length)
  return {
    name: packName(pack),
    object: hex(object),
    blobs: added,
    trailer: hex(object.subarray(-trailerBytes)),
    index: { ordinal, offset, length },
  }
}

export function manifestValues(rootLength: number): Values['manifest'] {
  const layer = {
    pack,
    size: 5000,
    ordinal: 2,
    offset: 700,
    length: rootLength,
    compressed: true,
    entries: 3,
  }
  const base = {
    format: 1 as const,
    archive,
    seq: 12_345_678,
    snapshot: newSnapshotId(),
    revision: 3,
    predecessor: branded<Identity>(32).parse('ab'.repeat(32)),
    createdAt: 1_763_900_000_123,
    kind: 'whatsapp-android',
    chats: 12,
    messages: 3456,
    newest: -1,
    writer: '0123456789abcdef'.repeat(2),
    header: {
      number: 2,
      vault: { address: 'https://vault.example', fingerprint: 'f1'.repeat(32), record: '7e'.repeat(32) },
    },
    vaultSeen: { counter: 7, logHead: '5c'.repeat(32) },
    databases: [
      { path: 'msgstore.db', pageSize: 4096, pages: 3, digest: 'd1'.repeat(32), layers: [layer] },
      { path: 'wá.db', pageSize: 65_536, pages: 0, digest: 'd2'.repeat(32), layers: [] },
    ],
    files: { count: 2, bytes: 5, digest: 'd3'.repeat(32), layers: [] },
    forgotten: { count: 0, layers: [] },
    added: 123_456,
  }
  const manifest: Manifest = { ...base, identity: identify(keys.identity, base) }
  const object = sealManifest(manifest, keys)
  const json = JSON.stringify(manifest)
  const label = preimage(
    'coffer-manifest-1',
    idBytes(archive),
    u64(base.seq),
    Buffer.from(base.snapshot, 'hex'),
    u32(base.revision),
  )
  const plain = pullStream(object.subarray(0, 24), keys.manifests)(object.subarray(24), label)?.plain ?? Buffer.alloc(0)
  const databases = base.databases.map((db) =>
    preimage(db.path, u32(db.pageSize), u64(db.pages), Buffer.from(db.digest, 'hex')),
  )
  return {
    name: manifestName(manifest),
    json,
    identityFields: {
      createdAt: hex(i64(base.createdAt)),
      newest: hex(i64(base.newest)),
      databases: hex(preimage(...databases)),
      files: hex(preimage(u64(2), u64(5), Buffer.from(base.files.digest, 'hex'))),
    },
    identity: manifest.identity,
    additionalData: hex(label),
    streamHeader: hex(object.subarray(0, 24)),
    plain: hex(plain),
    object: hex(object),
  }
}
