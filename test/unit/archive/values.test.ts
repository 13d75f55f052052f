import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { BlobLabel, openBlob } from '../../../main/core/archive/format/blob.ts'
import { i64, preimage, u32, u64 } from '../../../main/core/archive/format/bytes.ts'
import { decodeFileList, fileListField } from '../../../main/core/archive/format/file-list.ts'
import { decodeForgotten } from '../../../main/core/archive/format/forgotten-list.ts'
import {
  databaseDigest,
  fileDigest,
  fileListDigest,
  hashPage,
  hashPiece,
  keyCheck,
} from '../../../main/core/archive/format/hashes.ts'
import { checkHeaderMac, checkKey, decodeHeader, encodeHeader } from '../../../main/core/archive/format/header.ts'
import { decodeRoot } from '../../../main/core/archive/format/layer-root.ts'
import { identify } from '../../../main/core/archive/format/manifest.ts'
import { idBytes, parseManifestName } from '../../../main/core/archive/format/names.ts'
import { readIndex, readTrailer, trailerBytes } from '../../../main/core/archive/format/pack.ts'
import { padme } from '../../../main/core/archive/format/padding.ts'
import { decodePageMap } from '../../../main/core/archive/format/page-map.ts'
import type { Place } from '../../../main/core/archive/format/places.ts'
import { openManifest } from '../../../main/core/archive/format/sealed-manifest.ts'
import { pullStream } from '../../../main/core/archive/format/secretstream.ts'
import { withSecret } from '../../../main/core/keys/secret.ts'
import { readKey } from '../../../main/core/keys/sixty-four-digits.ts'
import { deriveKeys, deriveSubkey } from '../../../main/core/keys/subkeys.ts'
import type { Values } from '../../vectors/values.ts'

// The file is ours and its type describes it; what it says is compared field by field.
const values = JSON.parse(readFileSync(new URL('../../vectors/values.json', import.meta.url), 'utf8')) as Values
const secret = readKey(values.key).key
const keys = withSecret(secret, (key) => deriveKeys(key))
const archive = values.archive
const pack = values.tables.own.pack
const own = { id: pack, size: values.tables.own.size }

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex')
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')
const show = ({ pack: { id, size }, ...place }: Place) => ({ pack: id, size, ...place })
/** As the tables of the vectors write it: their own pack has no size yet. */
const asWritten = ({ size, ...place }: ReturnType<typeof show>) => ({ ...place, size: place.pack === pack ? 0 : size })

describe('the values of docs/FORMAT.md', () => {
  it('subkeys', () => {
    const { ownerSeed, ...subkeys } = values.subkeys
    expect(Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, hex(key)]))).toEqual(subkeys)
    expect(withSecret(secret, (key) => hex(deriveSubkey(key, 'ownerSeed')))).toBe(ownerSeed)
  })

  it('preimages', () => {
    for (const { fields, bytes: expected } of values.preimages)
      expect(hex(preimage(...fields.map(bytes)))).toBe(expected)
  })

  it('key check and headers', () => {
    expect(hex(keyCheck(keys, idBytes(archive)))).toBe(values.keyCheck)
    for (const { number, vault, body, mac, file } of values.headers) {
      const header = decodeHeader(Buffer.from(file))
      checkKey(header, keys)
      checkHeaderMac(header, keys)
      expect([String(header.number), header.archive, hex(header.body), hex(header.mac), hex(header.keyCheck)]).toEqual([
        number,
        archive,
        body,
        mac,
        values.keyCheck,
      ])
      expect(
        header.vault && {
          ...header.vault,
          fingerprint: hex(header.vault.fingerprint),
          record: hex(header.vault.record),
        },
      ).toEqual(vault)
      expect(encodeHeader(header, keys).toString()).toBe(file)
    }
  })

  it('padded lengths', () => {
    for (const [length, padded] of values.padme) expect([length, padme(length)]).toEqual([length, padded])
  })

  it('blobs', () => {
    for (const { kind, ordinal, compressed, plain, additionalData, nonce, sealed } of values.blobs) {
      const label = new BlobLabel(archive, pack).of(kind, ordinal, compressed)
      expect(hex(label)).toBe(additionalData)
      expect(sealed.slice(0, 48)).toBe(nonce)
      expect(hex(openBlob(bytes(sealed), label, compressed, keys.blobs))).toBe(plain)
    }
  })

  it('hashes and digests of databases', () => {
    const { pageSize, pages, digest } = values.database
    const whole = databaseDigest(keys, pageSize, pages)
    for (const { page, hash } of values.pages) {
      const found = Buffer.alloc(16)
      hashPage(keys, bytes(page), found)
      expect(hex(found)).toBe(hash)
      whole.update(found)
    }
    expect(hex(whole.final())).toBe(digest)
    expect(hex(databaseDigest(keys, values.emptyDatabase.pageSize, 0).final())).toBe(values.emptyDatabase.digest)
  })

  it('hashes and digests of files', () => {
    const pieces = values.pieces.map(({ repeat, length, hash }) => {
      const found = Buffer.alloc(32)
      hashPiece(keys, Buffer.alloc(length, bytes(repeat)), found)
      expect(hex(found)).toBe(hash)
      return found
    })
    expect(hex(fileDigest(keys, values.file.size, Buffer.concat(pieces)))).toBe(values.file.digest)
    expect(hex(fileDigest(keys, 0, Buffer.alloc(0)))).toBe(values.emptyFile.digest)
    const list = fileListDigest(keys)
    for (const { path, size, modified, digest, field } of values.files.entries) {
      const made = fileListField({ path: bytes(path), size, modified: BigInt(modified), digest: bytes(digest) })
      expect(hex(made)).toBe(field)
      list.update(made)
    }
    expect(hex(list.final())).toBe(values.files.digest)
    expect(hex(fileListDigest(keys).final())).toBe(values.emptyFiles.digest)
  })

  it('tables', () => {
    const { map, files, root, forgotten } = values.tables
    const decoded = decodePageMap(bytes(map.plain), own)
    const entries = [...decoded.pages].map((page, i) => {
      const place = decoded.places[decoded.rows[i] ?? -1]
      return {
        page,
        hash: hex(decoded.hashes.subarray(i * 16, i * 16 + 16)),
        index: decoded.indexes[i],
        place: place && asWritten(show(place)),
      }
    })
    expect(entries).toEqual(map.entries)
    expect(
      [...decodeFileList(bytes(files.plain), own)].map((entry) =>
        'removed' in entry
          ? { path: hex(entry.path), removed: true }
          : {
              ...entry,
              path: hex(entry.path),
              modified: String(entry.modified),
              digest: hex(entry.digest),
              pieces: entry.pieces.map(({ hash, place }) => ({ hash: hex(hash), place: show(place) })),
            },
      ),
    ).toEqual(
      files.entries.map((entry) =>
        'pieces' in entry ? { ...entry, pieces: entry.pieces.map(({ hash, place }) => ({ hash, place })) } : entry,
      ),
    )
    expect(
      decodeRoot(bytes(root.plain), root.kind, own).map(({ place, entries: count, first, last }) => ({
        place: asWritten(show(place)),
        entries: count,
        first: hex(first),
        last: hex(last),
      })),
    ).toEqual(root.blobs)
    expect(decodeForgotten(bytes(forgotten.plain))).toEqual(forgotten.entries)
  })

  it('a pack and its index', () => {
    const object = bytes(values.pack.object)
    expect(padme(object.length)).toBe(object.length)
    expect(hex(object.subarray(-trailerBytes))).toBe(values.pack.trailer)
    const at = readTrailer(object.subarray(-trailerBytes), object.length)
    expect(at).toMatchObject(values.pack.index)
    const index = readIndex(object.subarray(at.offset, at.offset + at.length), at, archive, pack, keys.blobs)
    expect(index.slice(0, -1).map(({ hashes, ...blob }) => ({ ...blob, hashes: hex(hashes) }))).toEqual(
      values.pack.blobs.map(({ plain: _, ...blob }) => blob),
    )
    for (const { kind, ordinal, offset, length, compressed, plain } of values.pack.blobs) {
      const label = new BlobLabel(archive, pack).of(kind, ordinal, compressed)
      expect(hex(openBlob(object.subarray(offset, offset + length), label, compressed, keys.blobs))).toBe(plain)
    }
  })

  it('a manifest and its identity', () => {
    const { name, json, identityFields, identity, additionalData, plain, object } = values.manifest
    const parsed = parseManifestName(name)
    if (!parsed) throw new Error('not a manifest’s name')
    const manifest = openManifest(bytes(object), parsed, archive, keys)
    expect(manifest).toEqual(JSON.parse(json))
    expect(identify(keys.identity, manifest)).toBe(identity)
    expect(hex(i64(manifest.createdAt))).toBe(identityFields.createdAt)
    expect(
      hex(
        preimage(
          ...manifest.databases.map((db) => preimage(db.path, u32(db.pageSize), u64(db.pages), bytes(db.digest))),
        ),
      ),
    ).toBe(identityFields.databases)
    const label = preimage(
      'coffer-manifest-1',
      idBytes(archive),
      u64(parsed.seq),
      idBytes(parsed.snapshot),
      u32(parsed.revision),
    )
    expect(hex(label)).toBe(additionalData)
    const opened = pullStream(bytes(object).subarray(0, 24), keys.manifests)(bytes(object).subarray(24), label)
    expect(opened?.final && hex(opened.plain)).toBe(plain)
  })
})
