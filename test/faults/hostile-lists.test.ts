/** Lists of files and manifests that are sealed as they should be, by someone who has the key and means harm. */
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { blobKind } from '../../main/core/archive/format/blob.ts'
import type { FileEntry } from '../../main/core/archive/format/file-list.ts'
import type { Manifest } from '../../main/core/archive/format/manifest.ts'
import { manifestName } from '../../main/core/archive/format/names.ts'
import { restore } from '../../main/core/jobs/restore.ts'
import { fakeOpenWorkers } from '../fixtures/fake-open-worker.ts'
import { plain } from '../fixtures/job-options.ts'
import { digestOf, fileOf, filesOf, pagesOf } from '../fixtures/sound-parts.ts'
import { TinyArchive } from '../fixtures/tiny-archive.ts'
import type { TinyPack } from '../fixtures/tiny-pack.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { openTiny } from '../fixtures/tiny-session.ts'
import { outcome } from './hostile-outcome.ts'

type MakeFiles = (pack: TinyPack, archive: TinyArchive) => FileEntry[]

/** An archive of these files, whose digests fit. */
function forgedFiles(make: MakeFiles, lies: Partial<Manifest['files']> = {}): TinyArchive {
  const archive = new TinyArchive()
  const pack = archive.newPack()
  const entries = make(pack, archive)
  const layer = pack.layer(blobKind.files, pack.fileBlobs(entries, 1000), entries.length)
  pack.store()
  archive.putNext({ files: { ...filesOf(archive, entries, [layer()]), ...lies } })
  return archive
}

function file(archive: TinyArchive, pack: TinyPack, path: string): FileEntry {
  return fileOf(archive, pack, path, randomBytes(100))
}

describe('a list of files that lies', () => {
  it.each<[string, MakeFiles, string]>([
    [
      'tells another size',
      (pack, archive) => {
        const it = file(archive, pack, 'a')
        return [{ ...it, size: 99, digest: digestOf(archive, 99, it.pieces) }]
      },
      'pack_altered',
    ],
    [
      'tells another digest',
      (pack, archive) => [{ ...file(archive, pack, 'a'), digest: randomBytes(32) }],
      'map_damaged',
    ],
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
        const pieces = one.pieces.map(({ place }) => ({ hash: randomBytes(32), place }))
        return [one, { ...one, path: Buffer.from('b'), digest: digestOf(archive, one.size, pieces), pieces }]
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
    expect(await outcome(forgedFiles((pack, archive) => [file(archive, pack, 'a')], lies))).toMatchObject({
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
      databases: [{ path: 'a.db', pageSize: 512, bytes: pagesOf(archive, 4).plain }],
      files: [{ path: 'M/a', bytes: randomBytes(40) }],
    })
    const [layer] = honest.files.layers
    if (!layer) throw new Error('no layer')
    // A list of files where a map should be.
    const databases = honest.databases.map((it) => ({ ...it, layers: [layer] }))
    archive.destination.objects.delete(manifestName(honest))
    archive.putManifest({ ...honest, databases })
    const session = await openTiny(archive, { workers: fakeOpenWorkers })
    const target = temporaryFolder()
    await expect(restore(session, { ...plain, target })).rejects.toMatchObject({
      code: 'pack_altered',
    })
    const result = await restore(session, { ...plain, target, salvage: true })
    expect(result.missing).toEqual([{ path: 'a.db', pages: 4, bytes: 2048 }])
    expect(readdirSync(target)).toEqual(['M'])
  })
})
