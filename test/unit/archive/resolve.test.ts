import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CofferError } from '../../../contract/errors.ts'
import { blobKind } from '../../../main/core/archive/format/blob.ts'
import type { ListEntry } from '../../../main/core/archive/format/file-list.ts'
import type { DatabaseEntry, Layer } from '../../../main/core/archive/format/manifest.ts'
import { packName } from '../../../main/core/archive/format/names.ts'
import type { PageEntry } from '../../../main/core/archive/format/page-map.ts'
import { resolveFiles } from '../../../main/core/archive/read/resolve-files.ts'
import {
  nowhere,
  type PageWindow,
  resolvePages,
  unknown,
  windowPages,
} from '../../../main/core/archive/read/resolve-pages.ts'
import { TinyArchive } from '../../fixtures/tiny-archive.ts'

/** Stores a map layer of its own pack. Every page's hash is `mark`, so that a reader can tell the layers apart. */
function mapLayer(archive: TinyArchive, pages: number[], mark: number, each = 3): Layer {
  const pack = archive.newPack()
  const place = pack.add(blobKind.pages, Buffer.alloc(512, mark), Buffer.alloc(16, mark))
  const sorted = [...new Set(pages)].sort((a, b) => a - b)
  const entries = sorted.map((page): PageEntry => ({ page, hash: Buffer.alloc(16, mark), place, index: page % 7 }))
  const blobs = []
  for (let i = 0; i < entries.length; i += each) blobs.push(pack.mapBlob(entries.slice(i, i + each)))
  const layer = pack.layer(blobKind.map, blobs, entries.length)
  pack.store()
  return layer()
}

/** The pack that holds a layer is gone. */
function lose(archive: TinyArchive, layer: Layer | undefined): void {
  if (!layer) throw new Error('no such layer')
  archive.destination.objects.delete(packName(layer.pack))
}

async function windows(
  archive: TinyArchive,
  pages: number,
  layers: Layer[],
  onFault?: (fault: CofferError) => void,
): Promise<PageWindow[]> {
  const database: DatabaseEntry = { path: 'a.db', pageSize: 512, pages, digest: '00'.repeat(32), layers }
  const found: PageWindow[] = []
  for await (const window of resolvePages(archive, database, onFault)) found.push(window)
  return found
}

/** The mark of the layer that each page comes from; 0 for none, -1 for one that cannot be known. */
function marks(found: PageWindow[]): number[] {
  return found.flatMap(({ rows, hashes }) =>
    [...rows].map((row, at) => (row === nowhere ? 0 : row === unknown ? -1 : (hashes[at * 16] ?? 0))),
  )
}

const someLayers = fc.array(fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 5 })

describe('the pages of a database', () => {
  it('come from the newest layer that names them', async () => {
    await fc.assert(
      fc.asyncProperty(someLayers, fc.integer({ min: 1, max: 35 }), async (layers, pages) => {
        const archive = new TinyArchive()
        const written = layers.map((layer, i) => mapLayer(archive, layer, i + 1))
        const expected = Array.from(
          { length: pages },
          (_, page) => layers.findIndex((layer) => layer.includes(page)) + 1,
        )
        expect(marks(await windows(archive, pages, written))).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })

  it('are not known where a damaged layer may have named them; newer layers are believed', async () => {
    await fc.assert(
      fc.asyncProperty(someLayers, fc.nat(4), async (layers, which) => {
        const archive = new TinyArchive()
        const written = layers.map((layer, i) => mapLayer(archive, layer, i + 1))
        const broken = which % layers.length
        lose(archive, written[broken])
        const faults: string[] = []
        const found = await windows(archive, 31, written, (fault) => faults.push(fault.code))
        const expected = Array.from({ length: 31 }, (_, page) => {
          const newest = layers.findIndex((layer) => layer.includes(page))
          return newest >= 0 && newest < broken ? newest + 1 : -1
        })
        expect(marks(found)).toEqual(expected)
        expect(faults).toEqual(['pack_missing'])
        await expect(windows(archive, 31, written)).rejects.toMatchObject({ code: 'pack_missing' })
      }),
      { numRuns: 30 },
    )
  })

  it('are unknown only in the stretch of a table that does not open', async () => {
    const archive = new TinyArchive()
    const below = mapLayer(
      archive,
      Array.from({ length: 12 }, (_, i) => i),
      1,
    )
    const above = mapLayer(archive, [2, 3, 4, 7, 8, 9], 2)
    // The second table of the upper layer: pages 7 to 9. Blob 0 holds pages, 1 and 2 the tables.
    const object = archive.destination.objects.get(packName(above.pack))
    if (!object) throw new Error('no pack')
    object.bytes[above.offset - 1] = (object.bytes[above.offset - 1] ?? 0) ^ 1
    const found = await windows(archive, 12, [above, below], () => undefined)
    expect(marks(found)).toEqual([1, 1, 2, 2, 2, 1, 1, -1, -1, -1, 1, 1])
  })

  it('are the same across the edge of a window', async () => {
    const archive = new TinyArchive()
    const edge = windowPages
    const upper = mapLayer(archive, [edge - 2, edge, edge + 5], 2)
    const lower = mapLayer(archive, [0, edge - 2, edge - 1, edge, edge + 1, edge + 6], 1)
    const found = await windows(archive, edge + 6, [upper, lower])
    expect(found.map(({ first, count }) => [first, count])).toEqual([
      [0, edge],
      [edge, 6],
    ])
    const all = marks(found)
    expect([0, 1, edge - 2, edge - 1, edge, edge + 1, edge + 2, edge + 5].map((page) => all[page])).toEqual([
      1, 0, 2, 1, 2, 1, 0, 2,
    ])
    expect(found[1]?.indexes[5]).toBe((edge + 5) % 7)
  })
})

/** Stores a file list layer. Sizes tell the layers apart. */
function fileLayer(archive: TinyArchive, changes: { name: number; removed: boolean }[], mark: number): Layer {
  const pack = archive.newPack()
  const entries = changes
    .toSorted((a, b) => a.name - b.name)
    .map(({ name, removed }): ListEntry => {
      const path = Buffer.from(`M/${String(name).padStart(3, '0')}`)
      const piece = { hash: randomBytes(32), place: pack.add(blobKind.piece, Buffer.alloc(mark), Buffer.alloc(32)) }
      return removed ? { path, removed } : { path, size: mark, modified: 0n, digest: Buffer.alloc(32), pieces: [piece] }
    })
  const layer = pack.layer(blobKind.files, pack.fileBlobs(entries), entries.length)
  pack.store()
  return layer()
}

const someChanges = fc.array(
  fc.uniqueArray(fc.record({ name: fc.nat(20), removed: fc.boolean() }), {
    selector: ({ name }) => name,
    minLength: 1,
    maxLength: 12,
  }),
  { minLength: 1, maxLength: 5 },
)

async function files(
  archive: TinyArchive,
  layers: Layer[],
  onFault?: (fault: CofferError) => void,
): Promise<[number, number][]> {
  const found: [number, number][] = []
  for await (const { path, size } of resolveFiles(archive, layers, onFault))
    found.push([Number(path.toString().slice(2)), size])
  return found
}

describe('the files of a snapshot', () => {
  it('come from the newest layer that names them, in order, without those removed', async () => {
    await fc.assert(
      fc.asyncProperty(someChanges, async (layers) => {
        const archive = new TinyArchive()
        const written = layers.map((layer, i) => fileLayer(archive, layer, i + 1))
        const expected: [number, number][] = []
        for (let name = 0; name <= 20; name++) {
          const newest = layers.findIndex((layer) => layer.some((it) => it.name === name))
          if (newest >= 0 && !layers[newest]?.find((it) => it.name === name)?.removed) expected.push([name, newest + 1])
        }
        expect(await files(archive, written)).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  })

  it('are never taken from beneath a damaged layer, which may have replaced or removed them', async () => {
    await fc.assert(
      fc.asyncProperty(someChanges, fc.nat(4), async (layers, which) => {
        const archive = new TinyArchive()
        const written = layers.map((layer, i) => fileLayer(archive, layer, i + 1))
        const broken = which % layers.length
        lose(archive, written[broken])
        const expected: [number, number][] = []
        for (let name = 0; name <= 20; name++) {
          const newest = layers.findIndex((layer, i) => i === broken || layer.some((it) => it.name === name))
          if (newest < broken && !layers[newest]?.find((it) => it.name === name)?.removed)
            expected.push([name, newest + 1])
        }
        const faults: string[] = []
        expect(await files(archive, written, (fault) => faults.push(fault.code))).toEqual(expected)
        expect(faults).toEqual(['pack_missing'])
        await expect(files(archive, written)).rejects.toMatchObject({ code: 'pack_missing' })
      }),
      { numRuns: 30 },
    )
  })

  it('are lost only in the stretch of a table that does not open', async () => {
    const archive = new TinyArchive()
    const all = (count: number) => Array.from({ length: count }, (_, name) => ({ name, removed: false }))
    const below = fileLayer(archive, all(10), 1)
    const above = fileLayer(
      archive,
      [0, 2, 4, 5, 6, 7, 9].map((name) => ({ name, removed: name === 6 })),
      2,
    )
    // Of its three tables (0 to 4, 5 to 7, 9) the last before the root is damaged, then the first.
    const object = archive.destination.objects.get(packName(above.pack))
    if (!object) throw new Error('no pack')
    object.bytes[above.offset - 1] = (object.bytes[above.offset - 1] ?? 0) ^ 1
    expect(await files(archive, [above, below], () => undefined)).toEqual([
      [0, 2],
      [1, 1],
      [2, 2],
      [3, 1],
      [4, 2],
      [5, 2],
      [7, 2],
      [8, 1],
    ])
  })
})
