/** Lists of files, pieces and packs that only someone with the key can make. */
import { blobKind } from '../../main/core/archive/format/blob.ts'
import { u32 } from '../../main/core/archive/format/bytes.ts'
import { type FileEntry, FileListBuilder, type ListEntry } from '../../main/core/archive/format/file-list.ts'
import { encodeRoot, type LayerBlob } from '../../main/core/archive/format/layer-root.ts'
import type { Manifest } from '../../main/core/archive/format/manifest.ts'
import { packName } from '../../main/core/archive/format/names.ts'
import { databaseOf, digestOf, entriesOf, fileOf, filesOf, pagesOf } from '../fixtures/sound-parts.ts'
import { TinyArchive } from '../fixtures/tiny-archive.ts'
import type { TinyPack } from '../fixtures/tiny-pack.ts'
import type { InvalidArchive } from './invalid-archive.ts'
import { vectorKey } from './write-vector.ts'

export function forgedLists(): InvalidArchive[] {
  return [
    ...paths(),
    ...lists(),
    forged('piece-altered', 'A piece is not the one whose hash the list has.', {
      entries: (entry, { archive }) => {
        const pieces = entry.pieces.map((piece) => ({ ...piece, hash: vectorKey('no hash of anything') }))
        return [{ ...entry, digest: digestOf(archive, entry.size, pieces), pieces }]
      },
      error: 'pack_altered',
    }),
    forged('piece-of-another-length', 'A file claims one byte more than its piece has.', {
      entries: (entry, { archive }) => [
        { ...entry, size: entry.size + 1, digest: digestOf(archive, entry.size + 1, entry.pieces) },
      ],
      error: 'pack_altered',
    }),
    forged('file-digest', 'A file’s digest is not that of its pieces.', {
      entries: (entry) => [{ ...entry, digest: Buffer.alloc(32) }],
    }),
    ...indexes(),
    ...forgottenLists(),
  ]
}

function paths(): InvalidArchive[] {
  const path = (name: string, note: string, ...given: (string | Buffer)[]): InvalidArchive =>
    forged(name, note, { entries: (_, { archive, pack }) => given.map((it) => fileOf(archive, pack, it)) })
  return [
    path('path-upwards', 'A path that leads out of the folder.', 'Media/../../outside'),
    path('path-absolute', 'A path that begins at the root of the disk.', '/outside'),
    path('path-empty-name', 'A path with an empty name in it.', 'Media//a'),
    path('path-ends-in-slash', 'A path that ends in a slash.', 'Media/a/'),
    path('path-zero-byte', 'A path with a zero byte in it.', Buffer.from('Media/a\0b')),
    path('path-here', 'A path that is a dot.', '.'),
    path('path-file-and-folder', 'A path that is another one’s folder.', 'Media/a', 'Media/a/b'),
  ]
}

function lists(): InvalidArchive[] {
  const two = (entry: FileEntry, other = 'Media/b'): FileEntry[] => [entry, { ...entry, path: Buffer.from(other) }]
  return [
    forged('list-unsorted', 'Two paths are not in order.', {
      entries: (entry) => two(entry).reverse(),
      error: 'pack_altered',
    }),
    forged('list-twice', 'A path is in one blob twice.', {
      entries: (entry) => two(entry, 'Media/a'),
      error: 'pack_altered',
    }),
    forged('list-empty-path', 'A path of no bytes.', {
      entries: (entry) => [{ ...entry, path: Buffer.alloc(0) }],
      error: 'pack_altered',
    }),
    forged('list-piece-count', 'A file of more than 4 MiB with one piece.', {
      entries: (entry) => [{ ...entry, size: 4 * 1024 * 1024 + 1 }],
      error: 'pack_altered',
    }),
    forged('list-of-other-files', 'The list is sound but not the one whose digest the manifest has.', {
      said: (entry) => [{ ...entry, modified: 1n }],
    }),
    forged('list-count', 'The manifest says one file more.', {
      manifest: (files) => ({ ...files, count: files.count + 1 }),
    }),
    forged('list-bytes', 'The manifest says one byte more.', {
      manifest: (files) => ({ ...files, bytes: files.bytes + 1 }),
    }),
    forged('list-other-count', 'The root says one entry more than its blob has.', {
      root: (blob) => ({ ...blob, entries: blob.entries + 1 }),
      error: 'pack_altered',
    }),
    forged('list-other-range', 'The root’s range goes further than its blob’s.', {
      root: (blob) => ({ ...blob, last: Buffer.from('z') }),
      error: 'pack_altered',
    }),
    databasePath(),
  ]
}

/** Packs whose own index is wrong: nothing that a restore looks at. */
function indexes(): InvalidArchive[] {
  const verified = (
    name: string,
    note: string,
    fill: (pack: TinyPack, archive: TinyArchive) => void,
  ): InvalidArchive => {
    const archive = new TinyArchive({ key: vectorKey(name) })
    const pack = archive.newPack()
    fill(pack, archive)
    const pages = pagesOf(archive, 2)
    const place = pack.add(blobKind.pages, pages.plain, Buffer.concat(pages.hashes))
    const layer = pack.layer(blobKind.map, [pack.mapBlob(entriesOf(pages, place))], 2)
    pack.store()
    archive.putNext({ databases: [databaseOf(archive, pages, [layer()])] })
    return { name, note, archive, found: 'verify', error: 'pack_altered', object: packName(pack.ref.id) }
  }
  return [
    verified('index-false-hash', 'The index has another hash of a page than its blob.', (pack, archive) => {
      const { plain } = pagesOf(archive, 3)
      pack.add(blobKind.pages, plain, Buffer.alloc(48, 0xaa))
    }),
    verified('index-half-a-page', 'The index has hashes for pages that do not fill their blob.', (pack, archive) => {
      const { plain, hashes } = pagesOf(archive, 3)
      pack.add(blobKind.pages, plain.subarray(0, 1535), Buffer.concat(hashes))
    }),
    verified('padding-not-zeros', 'A blob of padding that holds something.', (pack) =>
      pack.add(blobKind.padding, Buffer.from('hidden')),
    ),
    verified('index-hash-of-a-table', 'The index has a hash for a blob that is a table.', (pack) =>
      pack.add(blobKind.map, Buffer.alloc(12), Buffer.alloc(16)),
    ),
  ]
}

/** Lists of forgotten snapshots: a restore does not need them. */
function forgottenLists(): InvalidArchive[] {
  const identities = ['11', '22'].map((byte) => Buffer.from(byte.repeat(32), 'hex'))
  const list = (name: string, note: string, rows: Buffer[], change: Partial<LayerBlob> = {}): InvalidArchive => {
    const archive = new TinyArchive({ key: vectorKey(name) })
    const pack = archive.newPack()
    const table = Buffer.concat([u32(rows.length), ...rows.flatMap((row) => [row, Buffer.alloc(32)])])
    const place = pack.add(blobKind.forgotten, table)
    const blob = { place, entries: rows.length, first: Buffer.alloc(32, 0x11), last: Buffer.alloc(32, 0x22), ...change }
    const layer = pack.layer(blobKind.forgotten, [blob], blob.entries)
    pack.store()
    archive.putNext({ forgotten: { count: rows.length, layers: [layer()] } })
    return { name, note, archive, found: 'verify', error: 'pack_altered', object: packName(pack.ref.id) }
  }
  return [
    list('forgotten-unsorted', 'Two forgotten snapshots are not in order.', identities.toReversed()),
    list('forgotten-other-count', 'The root says one entry more than its blob has.', identities, { entries: 3 }),
    list('forgotten-other-range', 'The root’s range goes further than its blob’s.', identities, {
      last: Buffer.alloc(32, 0x99),
    }),
  ]
}

function databasePath(): InvalidArchive {
  const name = 'database-path-upwards'
  const archive = new TinyArchive({ key: vectorKey(name) })
  const pack = archive.newPack()
  const pages = pagesOf(archive, 2)
  const layer = pack.layer(
    blobKind.map,
    [pack.mapBlob(entriesOf(pages, pack.add(blobKind.pages, pages.plain, Buffer.concat(pages.hashes))))],
    2,
  )
  pack.store()
  archive.putNext({ databases: [{ ...databaseOf(archive, pages, [layer()]), path: '../a.db' }] })
  return { name, note: 'A database’s name that leads out of the folder.', archive, error: 'map_damaged' }
}

interface Forgery {
  /** What the list holds instead of one sound file, `Media/a`. */
  entries?: (entry: FileEntry, made: { archive: TinyArchive; pack: TinyPack }) => ListEntry[]
  /** What the manifest's count, bytes and digest are made from, where that is not what the list holds. */
  said?: (entry: FileEntry) => ListEntry[]
  manifest?: (files: Manifest['files']) => Manifest['files']
  root?: (blob: LayerBlob) => LayerBlob
  error?: 'pack_altered' | 'map_damaged'
}

/** A snapshot of one file, sound but for what `forgery` changes. */
function forged(
  name: string,
  note: string,
  { entries: forge, said, manifest, root: rooted, error = 'map_damaged' }: Forgery,
): InvalidArchive {
  const archive = new TinyArchive({ key: vectorKey(name) })
  const pack = archive.newPack()
  const sound = fileOf(archive, pack, 'Media/a')
  const entries = forge?.(sound, { archive, pack }) ?? [sound]
  const builder = new FileListBuilder()
  for (const entry of entries) builder.add(entry, 100)
  const keys = entries.map(({ path }) => path).sort(Buffer.compare)
  const blob = {
    place: pack.add(blobKind.files, builder.encode()),
    entries: entries.length,
    first: keys[0] ?? Buffer.alloc(0),
    last: keys.at(-1) ?? Buffer.alloc(0),
  }
  const named = rooted?.(blob) ?? blob
  const { ordinal, offset, length, compressed } = pack.add(blobKind.root, encodeRoot(blobKind.files, [named]))
  const { id, size } = pack.store()
  const layer = { pack: id, size, ordinal, offset, length, compressed, entries: named.entries }
  const files = filesOf(archive, said?.(sound) ?? entries, [layer])
  archive.putNext({ files: manifest?.(files) ?? files })
  return { name, note, archive, error, ...(error === 'pack_altered' && { object: packName(id) }) }
}
