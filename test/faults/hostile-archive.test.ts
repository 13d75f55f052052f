/** Archives that are sealed as they should be, by someone who has the key and means harm. */
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CofferError } from '../../contract/errors.ts'
import { blobKind } from '../../main/core/archive/format/blob.ts'
import {
  databaseDigest,
  fileDigest,
  fileListDigest,
  hashPage,
  hashPiece,
} from '../../main/core/archive/format/hashes.ts'
import { FileListBuilder, type FileEntry, fileListField } from '../../main/core/archive/format/file-list.ts'
import type { Manifest } from '../../main/core/archive/format/manifest.ts'
import type { PageEntry } from '../../main/core/archive/format/page-map.ts'
import { manifestName } from '../../main/core/archive/format/names.ts'
import { restore } from '../../main/core/jobs/restore.ts'
import { verify } from '../../main/core/jobs/verify.ts'
import { fakeOpenWorkers } from '../fixtures/fake-open-worker.ts'
import { TinyArchive, type TinyPack } from '../fixtures/tiny-archive.ts'
import { openTiny, temporaryFolder } from '../fixtures/tiny-session.ts'

const quiet = { signal: new AbortController().signal, onProgress: () => undefined }
const pageSize = 512
const pages = [0, 1, 2, 3].map((n) => Buffer.alloc(pageSize, n + 1))

function hashOf(archive: TinyArchive, page: Buffer): Buffer {
  const hash = Buffer.alloc(16)
  hashPage(archive.keys, page, hash)
  return hash
}

/** An archive of one database whose map is what `forge` makes of the true one; its digest fits what the map says. */
function forgedMap(
  forge: (entries: PageEntry[], pack: TinyPack, archive: TinyArchive) => PageEntry[],
  claimed = pages.length,
): TinyArchive {
  const archive = new TinyArchive()
  const pack = archive.newPack()
  const hashes = pages.map((page) => hashOf(archive, page))
  const place = pack.add(blobKind.pages, Buffer.concat(pages), Buffer.concat(hashes))
  const entries = forge(
    hashes.map((hash, page) => ({ page, hash, place, index: page })),
    pack,
    archive,
  )
  const layer = pack.layer(blobKind.map, [pack.mapBlob(entries)], entries.length)
  pack.store()
  const digest = databaseDigest(archive.keys, pageSize, claimed)
  for (const { page, hash } of entries) if (page < claimed) digest.update(hash)
  archive.add(
    { databases: [], files: [] },
    {
      databases: [
        { path: 'a.db', pageSize, pages: claimed, digest: digest.final().toString('hex'), layers: [layer()] },
      ],
    },
  )
  return archive
}

async function outcome(archive: TinyArchive): Promise<{ restore: unknown; left: string[]; faults: string[] }> {
  const session = await openTiny(archive, { workers: fakeOpenWorkers })
  const target = join(temporaryFolder(), 't')
  const restored = await restore(session, { ...quiet, target, salvage: false, overwrite: false }).then(
    () => 'restored',
    (error: unknown) => (error instanceof CofferError ? error.code : 'a bug'),
  )
  const { faults } = await verify(session, { ...quiet, read: true, proof: false })
  return { restore: restored, left: readdirSync(join(target, '..')), faults: faults.map(({ code }) => code) }
}

describe('a map that lies', () => {
  it.each<[string, Parameters<typeof forgedMap>[0], string]>([
    [
      'names another page of the same blob',
      (entries) => entries.map((it) => ({ ...it, index: 3 - it.index })),
      'pack_altered',
    ],
    [
      'names a page behind the end of its blob',
      (entries) => entries.map((it) => ({ ...it, index: it.index + 60_000 })),
      'pack_altered',
    ],
    [
      'names a blob that holds no pages',
      (entries, pack) => {
        const piece = Buffer.concat(pages)
        const place = pack.add(blobKind.piece, piece, Buffer.alloc(32))
        return entries.map((it) => ({ ...it, place }))
      },
      'pack_altered',
    ],
    [
      'names a blob at a wrong ordinal',
      (entries) => entries.map((it) => ({ ...it, place: { ...it.place, ordinal: 5 } })),
      'pack_altered',
    ],
    [
      'names the middle of a blob',
      (entries) => entries.map((it) => ({ ...it, place: { ...it.place, offset: 8, length: it.place.length - 8 } })),
      'pack_altered',
    ],
    [
      'tells another compression',
      (entries) => entries.map((it) => ({ ...it, place: { ...it.place, compressed: !it.place.compressed } })),
      'pack_altered',
    ],
    [
      'names blobs that overlap',
      (entries) =>
        entries.map((it, i) => ({
          ...it,
          place: i === 1 ? { ...it.place, ordinal: 1, offset: 10, length: it.place.length - 10 } : it.place,
        })),
      'pack_altered',
    ],
    [
      'names a blob that grows to a gigabyte',
      (entries, pack, archive) => {
        const bomb = Buffer.alloc(3 * 4 * 1024 * 1024)
        const place = pack.add(blobKind.pages, bomb, hashOf(archive, pages[0] ?? bomb))
        return entries.map((it) => ({ ...it, place }))
      },
      'pack_altered',
    ],
    ['names no blob for a page', (entries) => entries.slice(0, 3), 'map_damaged'],
  ])('and %s restores nothing, and is told', async (_, forge, code) => {
    const { restore: restored, left, faults } = await outcome(forgedMap(forge))
    expect(restored).toBe(code)
    expect(left).toEqual([])
    expect(faults.length).toBeGreaterThan(0)
  })

  it('about more pages than anyone has is refused at once', async () => {
    const archive = forgedMap((entries) => entries, 0xffffffff)
    const { restore: restored, faults } = await outcome(archive)
    expect(['map_damaged', 'local_full']).toContain(restored)
    expect(faults).toEqual(['map_damaged'])
  })

  it('about pages behind the end of the database is believed about the others: they are left over from a larger one', async () => {
    const { restore: restored, faults } = await outcome(
      forgedMap((entries) => [...entries, ...entries.map((it) => ({ ...it, page: it.page + 100 }))]),
    )
    expect({ restored, faults }).toEqual({ restored: 'restored', faults: [] })
  })
})

/** An archive of files as `entries` say, whose digests fit. */
function forgedFiles(
  make: (pack: TinyPack, archive: TinyArchive) => FileEntry[],
  options: { lies?: Partial<Manifest['files']> } = {},
): TinyArchive {
  const archive = new TinyArchive()
  const pack = archive.newPack()
  const entries = make(pack, archive)
  const builder = new FileListBuilder()
  const digest = fileListDigest(archive.keys)
  for (const entry of entries) {
    builder.add(entry, 1000)
    digest.update(fileListField(entry))
  }
  const place = pack.add(blobKind.files, builder.encode())
  const [first, last] = [builder.first ?? Buffer.alloc(0), builder.last ?? Buffer.alloc(0)]
  const layer = pack.layer(blobKind.files, [{ place, entries: entries.length, first, last }], entries.length)
  pack.store()
  const bytes = entries.reduce((sum, { size }) => sum + size, 0)
  archive.add(
    { databases: [], files: [] },
    {
      files: {
        count: entries.length,
        bytes,
        digest: digest.final().toString('hex'),
        layers: [layer()],
        ...options.lies,
      },
    },
  )
  return archive
}

function file(archive: TinyArchive, pack: TinyPack, path: string, changes: Partial<FileEntry> = {}): FileEntry {
  const content = randomBytes(100)
  const hash = Buffer.alloc(32)
  hashPiece(archive.keys, content, hash)
  const pieces = [{ hash, place: pack.add(blobKind.piece, content, hash) }]
  const { size = 100 } = changes
  return {
    path: Buffer.from(path),
    size,
    modified: 0n,
    digest: fileDigest(archive.keys, size, hash),
    pieces,
    ...changes,
  }
}

describe('a list of files that lies', () => {
  it.each<[string, Parameters<typeof forgedFiles>[0], string]>([
    ['tells another size', (pack, archive) => [file(archive, pack, 'a', { size: 99 })], 'pack_altered'],
    ['tells another digest', (pack, archive) => [file(archive, pack, 'a', { digest: randomBytes(32) })], 'map_damaged'],
    [
      'names another file’s piece',
      (pack, archive) =>
        [file(archive, pack, 'a'), file(archive, pack, 'b')].map((it, i, all) => ({
          ...it,
          pieces: [
            {
              hash: it.pieces[0]?.hash ?? Buffer.alloc(32),
              place: all[1 - i]?.pieces[0]?.place ?? pack.add(blobKind.piece, Buffer.alloc(1)),
            },
          ],
        })),
      'pack_altered',
    ],
    [
      'makes one path both file and folder',
      (pack, archive) => ['x/a', 'x/a/b'].map((path) => file(archive, pack, path)),
      'map_damaged',
    ],
    [
      'makes one path both file and folder, others between',
      (pack, archive) => ['x/a', 'x/a b', 'x/a/b'].map((path) => file(archive, pack, path)),
      'map_damaged',
    ],
    [
      'gives two contents to one blob',
      (pack, archive) => {
        const one = file(archive, pack, 'a')
        const hash = randomBytes(32)
        return [
          one,
          {
            ...one,
            path: Buffer.from('b'),
            digest: fileDigest(archive.keys, one.size, hash),
            pieces: one.pieces.map(({ place }) => ({ hash, place })),
          },
        ]
      },
      'pack_altered',
    ],
  ])('and %s restores nothing, and is told', async (_, make, code) => {
    const { restore: restored, left } = await outcome(forgedFiles(make))
    expect(restored).toBe(code)
    expect(left).toEqual([])
  })

  it.each<[string, Partial<Manifest['files']>]>([
    ['count', { count: 3 }],
    ['size', { bytes: 1 }],
    ['digest', { digest: '00'.repeat(32) }],
  ])('about its own %s is refused', async (_, lies) => {
    expect(await outcome(forgedFiles((pack, archive) => [file(archive, pack, 'a')], { lies }))).toMatchObject({
      restore: 'map_damaged',
      faults: ['map_damaged'],
      left: [],
    })
  })
})

describe('a manifest that lies', () => {
  it('about where its tables lie is refused, and salvage restores nothing from elsewhere', async () => {
    const archive = new TinyArchive()
    const honest = archive.add({
      databases: [{ path: 'a.db', pageSize, bytes: Buffer.concat(pages) }],
      files: [{ path: 'M/a', bytes: randomBytes(40) }],
    })
    const [layer] = honest.files.layers
    if (!layer) throw new Error('no layer')
    // A list of files where a map should be, and the other way round.
    const databases = honest.databases.map((it) => ({ ...it, layers: [layer] }))
    archive.destination.objects.delete(manifestName(honest))
    archive.putManifest({ ...honest, databases })
    const session = await openTiny(archive, { workers: fakeOpenWorkers })
    const target = temporaryFolder()
    await expect(restore(session, { ...quiet, target, salvage: false, overwrite: false })).rejects.toMatchObject({
      code: 'pack_altered',
    })
    const result = await restore(session, { ...quiet, target, salvage: true, overwrite: false })
    expect(result.missing).toEqual([{ path: 'a.db', pages: 4, bytes: 2048 }])
    expect(readdirSync(target)).toEqual(['M'])
  })
})
