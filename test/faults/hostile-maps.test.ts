/** Page maps that are sealed as they should be, by someone who has the key and means harm. */
import { describe, expect, it } from 'vitest'
import { blobKind } from '../../main/core/archive/format/blob.ts'
import type { PageEntry } from '../../main/core/archive/format/page-map.ts'
import { databaseOf, entriesOf, hashOfPage, type MadePages, pagesOf } from '../fixtures/sound-parts.ts'
import { TinyArchive } from '../fixtures/tiny-archive.ts'
import type { TinyPack } from '../fixtures/tiny-pack.ts'
import { outcome } from './hostile-outcome.ts'

/** Makes a map of the true one; more blobs may be added to the pack. */
type Forge = (entries: PageEntry[], made: { pack: TinyPack; archive: TinyArchive; pages: MadePages }) => PageEntry[]

/** An archive of one database of four pages with a forged map; its digest fits what the map says. */
function forgedMap(forge: Forge, claimed = 4): TinyArchive {
  const archive = new TinyArchive()
  const pack = archive.newPack()
  const pages = pagesOf(archive, 4)
  const place = pack.add(blobKind.pages, pages.plain, Buffer.concat(pages.hashes))
  const entries = forge(entriesOf(pages, place), { pack, archive, pages })
  const layer = pack.layer(blobKind.map, [pack.mapBlob(entries)], entries.length)
  pack.store()
  const hashes = entries.filter(({ page }) => page < claimed).map(({ hash }) => hash)
  archive.putNext({ databases: [databaseOf(archive, { hashes, pages: claimed }, [layer()])] })
  return archive
}

describe('a map that lies', () => {
  it.each<[string, Forge, string]>([
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
      (entries, { pack, pages }) => {
        const place = pack.add(blobKind.piece, pages.plain, Buffer.alloc(32))
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
      (entries, { pack, archive, pages }) => {
        const bomb = Buffer.alloc(3 * 4 * 1024 * 1024)
        const place = pack.add(blobKind.pages, bomb, hashOfPage(archive, pages.plain.subarray(0, 512)))
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
