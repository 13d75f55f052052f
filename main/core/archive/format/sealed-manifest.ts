/**
 * How a manifest is sealed (docs/FORMAT.md, "Manifests"): JSON, zstd, padded inside, then libsodium's secretstream.
 *
 * The stream's last push carries TAG_FINAL and must be the end of the object, so neither a shortened nor a lengthened
 * manifest opens. Every push binds the archive and the object's own name: a copy under another name does not open.
 */
import { constants, zstdCompressSync } from 'node:zlib'
import type { ArchiveKeys } from '../../keys/subkeys.ts'
import { Malformed, preimage, u32, u64 } from './bytes.ts'
import { maxManifest } from './limits.ts'
import { identify, Manifest } from './manifest.ts'
import { type ArchiveId, idBytes, type ManifestName } from './names.ts'
import { padme } from './padding.ts'
import { pullStream, pushStream, streamHeaderBytes, streamOverhead } from './secretstream.ts'
import { openFrame } from './zstd-frame.ts'

const chunkPlain = 64 * 1024
const chunkSealed = chunkPlain + streamOverhead
/** Small snapshots all look alike. */
const leastPlain = 4096
/** The largest object a reader takes in: padded plain bytes plus what sealing adds. */
export const maxManifestObject = streamHeaderBytes + Math.ceil((padme(maxManifest) + 4) / chunkPlain + 1) * chunkSealed

/** The object's bytes for a manifest. */
export function sealManifest(manifest: Manifest, keys: Pick<ArchiveKeys, 'manifests'>): Buffer {
  const json = zstdCompressSync(Buffer.from(JSON.stringify(manifest)), {
    params: { [constants.ZSTD_c_compressionLevel]: 9 },
  })
  const plain = Buffer.alloc(Math.max(leastPlain, padme(4 + json.length)))
  plain.writeUInt32LE(json.length)
  json.copy(plain, 4)

  const header = Buffer.alloc(streamHeaderBytes)
  const push = pushStream(header, keys.manifests)
  const label = labelOf(manifest.archive, manifest)
  const parts: Buffer[] = [header]
  for (let at = 0; at < plain.length; at += chunkPlain)
    parts.push(push(plain.subarray(at, at + chunkPlain), label, { final: at + chunkPlain >= plain.length }))
  return Buffer.concat(parts)
}

/**
 * Opens a manifest that was found under `name`. Throws Malformed when it was altered, cut, moved from another name or
 * archive, or does not describe itself truly (its identity is computed anew).
 */
export function openManifest(
  object: Buffer,
  name: ManifestName,
  archive: ArchiveId,
  keys: Pick<ArchiveKeys, 'manifests' | 'identity'>,
): Manifest {
  if (object.length > maxManifestObject) throw new Malformed('too long for a manifest')
  const plain = openStream(object, labelOf(archive, name), keys.manifests)
  if (plain.length < 4) throw new Malformed('too short for a manifest')
  const length = plain.readUInt32LE()
  if (length > plain.length - 4 || plain.subarray(4 + length).some((byte) => byte !== 0))
    throw new Malformed('broken padding')
  let json: unknown
  try {
    json = JSON.parse(openFrame(plain.subarray(4, 4 + length), { maxOutputLength: maxManifest }).toString('utf8'))
  } catch {
    throw new Malformed('not a manifest')
  }
  const parsed = Manifest.safeParse(json)
  if (!parsed.success) throw new Malformed('not a manifest of this format')
  const it = parsed.data
  if (it.archive !== archive || it.seq !== name.seq || it.snapshot !== name.snapshot || it.revision !== name.revision)
    throw new Malformed('a manifest of another name')
  if (identify(keys.identity, it) !== it.identity) throw new Malformed('an identity that does not fit')
  return it
}

function openStream(object: Buffer, label: Buffer, key: Uint8Array): Buffer {
  if (object.length < streamHeaderBytes + streamOverhead) throw new Malformed('too short for a manifest')
  const pull = pullStream(object.subarray(0, streamHeaderBytes), key)
  const parts: Buffer[] = []
  for (let at = streamHeaderBytes; at < object.length; at += chunkSealed) {
    const opened = pull(object.subarray(at, at + chunkSealed), label)
    if (!opened) throw new Malformed('a manifest that does not open')
    const last = at + chunkSealed >= object.length
    if (last !== opened.final)
      throw new Malformed(last ? 'a manifest that was cut' : 'bytes after the end of a manifest')
    parts.push(opened.plain)
  }
  return Buffer.concat(parts)
}

function labelOf(archive: ArchiveId, name: ManifestName): Buffer {
  return preimage('coffer-manifest-1', idBytes(archive), u64(name.seq), idBytes(name.snapshot), u32(name.revision))
}
