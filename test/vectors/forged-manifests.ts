/** Manifests that only someone with the key can make: sealed as they should be, and wrong inside. */
import { zstdCompressSync } from 'node:zlib'
import { preimage, u32, u64 } from '../../main/core/archive/format/bytes.ts'
import type { Manifest } from '../../main/core/archive/format/manifest.ts'
import { idBytes, manifestName, type ManifestName } from '../../main/core/archive/format/names.ts'
import { pushStream, streamHeaderBytes } from '../../main/core/archive/format/secretstream.ts'
import type { TinyArchive } from '../fixtures/tiny-archive.ts'
import { type InvalidArchive, onlyObject, putBytes, soundArchive } from './invalid-archive.ts'

export function forgedManifests(): InvalidArchive[] {
  return [
    forged('manifest-unknown-member', 'A member that version 1 does not know.', (it) => ({ ...it, more: 1 })),
    forged('manifest-missing-member', 'The member “added” is not there.', ({ added: _, ...it }) => it),
    forged('manifest-format-2', 'The format is 2, though the header says 1.', (it) => ({ ...it, format: 2 })),
    forged('manifest-false-identity', 'The identity is another snapshot’s.', (it) => ({
      ...it,
      identity: 'ab'.repeat(32),
    })),
    forged('manifest-changed-after-identity', 'One more message than the identity was made with.', (it) => ({
      ...it,
      messages: it.messages + 1,
    })),
    forged('manifest-other-revision-inside', 'Inside, the revision is another than in the name.', (it) => ({
      ...it,
      revision: 2,
    })),
    forged('manifest-odd-page-size', 'Pages of 1,000 bytes.', (it) => ({
      ...it,
      databases: it.databases.map((db) => ({ ...db, pageSize: 1000 })),
    })),
    forged('manifest-too-many-layers', 'A stack of 65 layers.', (it) => ({
      ...it,
      databases: it.databases.map((db) => ({ ...db, layers: Array.from({ length: 65 }, () => db.layers[0]) })),
    })),
    forged('manifest-capitals', 'An id with capital digits.', (it) => ({ ...it, writer: 'AB'.repeat(16) })),
    forged('manifest-bomb', 'The JSON has 2 MiB of spaces.', (it) => it, {
      json: (text) => text + ' '.repeat(2 * 1024 * 1024),
    }),
    forged('manifest-not-json', 'What is sealed is no JSON.', (it) => it, { json: () => 'snapshot' }),
    forged('manifest-padding', 'The padding holds something.', (it) => it, { padding: 7 }),
    forged('manifest-without-end', 'The last push has no TAG_FINAL.', (it) => it, { final: false }),
  ]
}

interface Seal {
  json?: (text: string) => string
  /** What the bytes after the frame are. */
  padding?: number
  final?: boolean
}

function forged(name: string, note: string, change: (manifest: Manifest) => unknown, seal: Seal = {}): InvalidArchive {
  const archive = soundArchive(name)
  const object = onlyObject(archive, 'snapshots')
  const [manifest] = archive.manifests
  if (!manifest) throw new Error('no manifest')
  const text = JSON.stringify(change(manifest))
  putBytes(archive, object, sealText(seal.json?.(text) ?? text, manifest, archive, seal))
  if (object !== manifestName(manifest)) throw new Error('another name')
  return { name, note, archive, error: 'manifest_altered', object }
}

function sealText(text: string, name: ManifestName, archive: TinyArchive, { padding = 0, final = true }: Seal): Buffer {
  const frame = zstdCompressSync(Buffer.from(text))
  const plain = Buffer.alloc(4096, padding)
  plain.writeUInt32LE(frame.length)
  frame.copy(plain, 4)
  const header = Buffer.alloc(streamHeaderBytes)
  const push = pushStream(header, archive.keys.manifests)
  const label = preimage(
    'coffer-manifest-1',
    idBytes(archive.archive),
    u64(name.seq),
    idBytes(name.snapshot),
    u32(name.revision),
  )
  return Buffer.concat([header, push(plain, label, { final })])
}
