/** What the parts that make invalid archives share: a sound archive to damage, and a pack to forge. */
import { blobKind } from '../../main/core/archive/format/blob.ts'
import {
  databaseDigest,
  fileDigest,
  fileListDigest,
  hashPage,
  hashPiece,
} from '../../main/core/archive/format/hashes.ts'
import { type FileEntry, fileListField, type ListEntry } from '../../main/core/archive/format/file-list.ts'
import type { Layer, Manifest } from '../../main/core/archive/format/manifest.ts'
import { newSnapshotId } from '../../main/core/archive/format/names.ts'
import type { PageEntry } from '../../main/core/archive/format/page-map.ts'
import type { Place } from '../../main/core/archive/format/places.ts'
import { TinyArchive, type TinyPack } from '../fixtures/tiny-archive.ts'
import { tinyDatabase } from '../fixtures/tiny-database.ts'
import { vectorKey } from './write-vector.ts'

export interface InvalidArchive {
  /** The folder's name. */
  name: string
  note: string
  archive: TinyArchive
  /** The key to try, where it is not the archive's. */
  key?: Buffer
  /** When a reader notices: on restoring the newest snapshot, or only when it verifies all. */
  found?: 'restore' | 'verify'
  error: string
  /** Name of the object that the error must name; none where that is not one object. */
  object?: string
}

/** One snapshot of one database and two files. */
export function soundArchive(name: string): TinyArchive {
  const archive = new TinyArchive({ key: vectorKey(name) })
  archive.add(store(name))
  return archive
}

export function store(salt: string): Parameters<TinyArchive['add']>[0] {
  return {
    databases: [{ path: 'a.db', pageSize: 512, bytes: tinyDatabase({ pageSize: 512, rows: 12, salt }) }],
    files: [
      { path: 'Media/one', bytes: Buffer.from(`a file of ${salt}`) },
      { path: 'Media/two', bytes: Buffer.from(`another of ${salt}`) },
    ],
  }
}

/** Changes one byte of an object. */
export function flip(archive: TinyArchive, name: string, at: number): void {
  const bytes = Buffer.from(bytesOf(archive, name))
  const position = at < 0 ? bytes.length + at : at
  bytes[position] = (bytes[position] ?? 0) ^ 1
  putBytes(archive, name, bytes)
}

export function bytesOf(archive: TinyArchive, name: string): Uint8Array {
  const found = archive.destination.objects.get(name)
  if (!found) throw new Error(`there is no ${name}`)
  return found.bytes
}

export function putBytes(archive: TinyArchive, name: string, bytes: Uint8Array): void {
  archive.destination.objects.set(name, { bytes, modified: new Date(0) })
}

export function objectsIn(archive: TinyArchive, folder: string): string[] {
  return [...archive.destination.objects.keys()].filter((name) => name.startsWith(`${folder}/`))
}

/** The only object of a folder. */
export function onlyObject(archive: TinyArchive, folder: string): string {
  const [name, other] = objectsIn(archive, folder)
  if (!name || other) throw new Error(`not one object in ${folder}`)
  return name
}

/** Pages of 512 bytes, as one blob would hold them. */
export interface ForgedPages {
  plain: Buffer
  hashes: Buffer[]
}

export function pagesOf(archive: TinyArchive, count: number): ForgedPages {
  const pages = Array.from({ length: count }, (_, i) => Buffer.alloc(512, i + 1))
  const hashes = pages.map((page) => {
    const hash = Buffer.alloc(16)
    hashPage(archive.keys, page, hash)
    return hash
  })
  return { plain: Buffer.concat(pages), hashes }
}

/** One entry for each page of a blob. */
export function entriesOf({ hashes }: ForgedPages, place: Place): PageEntry[] {
  return hashes.map((hash, i) => ({ page: i, hash, place, index: i }))
}

/** A database entry that says the truth about its pages. */
export function databaseOf(
  archive: TinyArchive,
  { hashes }: ForgedPages,
  layers: Layer[],
): Manifest['databases'][number] {
  const digest = databaseDigest(archive.keys, 512, hashes.length)
  for (const hash of hashes) digest.update(hash)
  return { path: 'a.db', pageSize: 512, pages: hashes.length, digest: digest.final().toString('hex'), layers }
}

/** A file of one piece that is in the pack. */
export function fileOf(
  archive: TinyArchive,
  pack: TinyPack,
  path: string | Buffer,
  content = Buffer.from('content'),
): FileEntry {
  const hash = Buffer.alloc(32)
  hashPiece(archive.keys, content, hash)
  const place = pack.add(blobKind.piece, content, hash)
  return {
    path: Buffer.from(path),
    size: content.length,
    modified: 0n,
    digest: fileDigest(archive.keys, content.length, hash),
    pieces: [{ hash, place }],
  }
}

/** The `files` of a manifest that says the truth about these entries. */
export function filesOf(archive: TinyArchive, entries: readonly ListEntry[], layers: Layer[]): Manifest['files'] {
  const files = entries.filter((entry): entry is FileEntry => !('removed' in entry))
  const digest = fileListDigest(archive.keys)
  for (const file of files) digest.update(fileListField(file))
  return {
    count: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    digest: digest.final().toString('hex'),
    layers,
  }
}

/** Stores a first manifest with these contents. */
export function putSnapshot(archive: TinyArchive, contents: Partial<Manifest>): Manifest {
  return archive.putManifest({
    format: 1,
    archive: archive.archive,
    seq: 1,
    snapshot: newSnapshotId(),
    revision: 1,
    predecessor: null,
    createdAt: 1_700_000_000_000,
    kind: 'sqlite',
    chats: 0,
    messages: 0,
    newest: null,
    writer: '11'.repeat(16),
    header: { number: 1, vault: null },
    vaultSeen: null,
    databases: [],
    files: filesOf(archive, [], []),
    forgotten: { count: 0, layers: [] },
    added: 0,
    ...contents,
  })
}
