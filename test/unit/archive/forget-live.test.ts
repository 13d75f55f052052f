import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LiveTable } from '../../../main/core/archive/forget/live-table.ts'
import { markContent } from '../../../main/core/archive/forget/mark.ts'
import { hasBit } from '../../../main/core/archive/forget/hidden-pages.ts'
import { blobKind } from '../../../main/core/archive/format/blob.ts'
import type { ListEntry } from '../../../main/core/archive/format/file-list.ts'
import type { Layer } from '../../../main/core/archive/format/manifest.ts'
import { newPackId } from '../../../main/core/archive/format/names.ts'
import type { PageEntry } from '../../../main/core/archive/format/page-map.ts'
import type { Place } from '../../../main/core/archive/format/places.ts'
import { resolveFiles } from '../../../main/core/archive/read/resolve-files.ts'
import { resolvePages } from '../../../main/core/archive/read/resolve-pages.ts'
import { TinyArchive } from '../../fixtures/tiny-archive.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { openTiny } from '../../fixtures/tiny-session.ts'

/** Blobs that layers name; they need not exist to be counted. */
const packs = Array.from({ length: 5 }, () => ({ id: newPackId(), size: 1_000_000 }))
const placeAt = (n: number): Place => ({
  pack: packs[n % 5] ?? { id: newPackId(), size: 1_000_000 },
  ordinal: Math.floor(n / 5),
  offset: n * 100,
  length: 100,
  compressed: false,
})

/** Pages near the borders of chunks, and a few in between. */
const page = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 65_530, max: 65_545 }),
  fc.integer({ min: 131_060, max: 131_080 }),
)
const layerOfPages = fc.uniqueArray(fc.record({ page, place: fc.nat(60), index: fc.nat(70) }), {
  selector: (it) => it.page,
  minLength: 1,
  maxLength: 40,
})
const layerOfFiles = fc.uniqueArray(
  fc.record({
    path: fc.integer({ min: 0, max: 25 }),
    pieces: fc.array(fc.nat(60), { maxLength: 3 }),
    removed: fc.boolean(),
  }),
  { selector: (it) => it.path, minLength: 1, maxLength: 12 },
)
/** Snapshots choose layers by number: some share many, some few, and the order is always the same, as it is in archives. */
const snapshots = fc.array(
  fc.record({
    layers: fc.uniqueArray(fc.nat(7), { minLength: 1, maxLength: 6 }),
    pages: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 65_500, max: 65_560 }), fc.constant(131_100)),
  }),
  { minLength: 1, maxLength: 6 },
)
const chosen = (numbers: readonly number[], from: readonly Layer[]): Layer[] =>
  [...new Set(numbers.map((n) => n % from.length))].sort((a, b) => a - b).flatMap((n) => from[n] ?? [])

function liveBits(live: LiveTable): Set<string> {
  const found = new Set<string>()
  for (const pack of packs)
    for (const { place, pages, kind } of live.blobsOf(pack))
      for (let i = 0; i < (pages ? pages.length * 8 : 1); i++)
        if (!pages || hasBit(pages, i)) found.add(`${kind} ${pack.id} ${place.ordinal} ${i}`)
  return found
}

describe('what is alive', () => {
  it('is, of pages, what resolving every snapshot’s map would find, no more and no less', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(layerOfPages, { minLength: 1, maxLength: 8 }), snapshots, async (layers, wanted) => {
        const archive = new TinyArchive()
        const pack = archive.newPack()
        const written = layers.map((entries) => {
          const sorted: PageEntry[] = entries
            .toSorted((a, b) => a.page - b.page)
            .map((it) => ({ page: it.page, index: it.index, place: placeAt(it.place), hash: randomBytes(16) }))
          const half = Math.ceil(sorted.length / 2)
          const blobs = [sorted.slice(0, half), sorted.slice(half)].filter((part) => part.length > 0)
          return pack.layer(
            blobKind.map,
            blobs.map((part) => pack.mapBlob(part)),
            sorted.length,
          )
        })
        pack.store()
        const all = written.map((layer) => layer())
        const databases = wanted.map((it) => ({
          path: 'a.db',
          pageSize: 4096,
          pages: it.pages,
          digest: '',
          layers: chosen(it.layers, all),
        }))

        const session = await openTiny(archive)
        const expected = new Set<string>()
        for (const database of databases)
          for await (const window of resolvePages(session, database))
            window.rows.forEach((row, i) => {
              const place = window.places[row]
              if (place) expected.add(`${blobKind.pages} ${place.pack.id} ${place.ordinal} ${window.indexes[i] ?? 0}`)
            })
        const live = LiveTable.open(temporaryFolder())
        const manifests = databases.map((it) => archive.putNext({ databases: [it] }))
        await markContent(session, live, manifests, () => undefined)
        expect(liveBits(live)).toEqual(expected)
        live.close()
      }),
      { numRuns: 60 },
    )
  })

  it('is, of files, what resolving every snapshot’s list would find, no more and no less', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(layerOfFiles, { minLength: 1, maxLength: 8 }), snapshots, async (layers, wanted) => {
        const archive = new TinyArchive()
        const pack = archive.newPack()
        const size = 4 * 1024 * 1024
        const written = layers.map((entries) => {
          const sorted: ListEntry[] = entries
            .map(({ path, pieces, removed }): ListEntry => {
              const name = Buffer.from(`file ${String(path).padStart(3, '0')}`)
              if (removed) return { path: name, removed: true }
              const held = pieces.map((n) => ({ hash: randomBytes(32), place: placeAt(n) }))
              return { path: name, size: held.length * size, modified: 0n, digest: randomBytes(32), pieces: held }
            })
            .sort((a, b) => Buffer.compare(a.path, b.path))
          return pack.layer(blobKind.files, pack.fileBlobs(sorted, 5), sorted.length)
        })
        pack.store()
        const all = written.map((layer) => layer())
        const stacks = wanted.map((it) => chosen(it.layers, all))

        const session = await openTiny(archive)
        const expected = new Set<string>()
        for (const stack of stacks)
          for await (const { pieces } of resolveFiles(session, stack))
            for (const { place } of pieces) expected.add(`${blobKind.piece} ${place.pack.id} ${place.ordinal} 0`)
        const live = LiveTable.open(temporaryFolder())
        const none = { count: 0, bytes: 0, digest: '' }
        const manifests = stacks.map((layers) => archive.putNext({ files: { ...none, layers } }))
        await markContent(session, live, manifests, () => undefined)
        expect(liveBits(live)).toEqual(expected)
        live.close()
      }),
      { numRuns: 60 },
    )
  })
})
