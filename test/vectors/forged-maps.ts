/** Page maps and pages that only someone with the key can make. */
import { blobKind } from '../../main/core/archive/format/blob.ts'
import { ByteWriter, u32 } from '../../main/core/archive/format/bytes.ts'
import { encodeRoot, type LayerBlob, type LayerKind } from '../../main/core/archive/format/layer-root.ts'
import { idBytes, type PackId, packIdFrom, packName } from '../../main/core/archive/format/names.ts'
import { encodePageMap, type PageEntry } from '../../main/core/archive/format/page-map.ts'
import type { Place } from '../../main/core/archive/format/places.ts'
import { databaseOf, entriesOf, type MadePages, pagesOf } from '../fixtures/sound-parts.ts'
import { TinyArchive } from '../fixtures/tiny-archive.ts'
import type { InvalidArchive } from './invalid-archive.ts'
import { vectorKey } from './write-vector.ts'

export function forgedMaps(): InvalidArchive[] {
  return [
    ...maps(),
    ...rawMaps(),
    ...roots(),
    forged('blob-bomb', 'A blob of pages that decompresses to 64 MiB.', {
      plain: () => Buffer.alloc(64 * 1024 * 1024),
    }),
    forged('blob-one-too-many', 'A blob of pages that decompresses to one byte more than 4 MiB.', {
      plain: () => Buffer.alloc(4 * 1024 * 1024 + 1),
    }),
    forged('blob-of-another-kind', 'The pages lie in a blob that was sealed as a piece of a file.', {
      kind: blobKind.piece,
    }),
    forged('page-altered', 'The second page of the blob is not the one whose hash the map has.', {
      plain: ({ plain }) => Buffer.concat([plain.subarray(0, 512), Buffer.alloc(512, 0xee), plain.subarray(1024)]),
    }),
    forged('page-beyond-its-blob', 'The blob holds fewer pages than the map says.', {
      plain: ({ plain }) => plain.subarray(0, 1024),
    }),
  ]
}

function maps(): InvalidArchive[] {
  const place = (change: Partial<Place>) => ({
    entries: (entries: PageEntry[]) => entries.map((entry) => ({ ...entry, place: { ...entry.place, ...change } })),
  })
  return [
    forged('map-points-outside', 'A blob’s place ends after its pack does.', place({ offset: 10_000_000 })),
    forged('map-place-of-nothing', 'A place has the length 0.', place({ length: 0 })),
    forged(
      'map-place-too-long',
      'A place is longer than a blob can be.',
      place({ length: 4_194_345, pack: { id: vectorPack(), size: 8_000_000 } }),
    ),
    forged(
      'map-pack-too-large',
      'A pack has more than 32 MiB.',
      place({ pack: { id: vectorPack(), size: 33_554_433 } }),
    ),
    forged('map-other-ordinal', 'A place has another ordinal than its blob.', place({ ordinal: 1 })),
    forged('map-other-flag', 'A place says compressed of a blob that is not, or the other way round.', {
      entries: (entries) =>
        entries.map((entry) => ({ ...entry, place: { ...entry.place, compressed: !entry.place.compressed } })),
    }),
    forged(
      'map-other-pack',
      'A place names the size 0 of a pack that is not the map’s own.',
      place({ pack: { id: vectorPack(), size: 0 } }),
    ),
    forged('map-unsorted', 'Two pages have changed places in the map.', {
      entries: ([first, second, ...rest]) => [second, first, ...rest].filter((entry) => entry !== undefined),
    }),
    forged('map-twice', 'A page has two entries.', {
      entries: ([first, ...rest]) => [first, first, ...rest].filter((entry) => entry !== undefined),
    }),
    forged('map-page-missing', 'No layer has an entry for the second page.', {
      entries: (entries) => entries.filter(({ page }) => page !== 1),
      error: 'map_damaged',
    }),
    forged('map-of-another-content', 'The map is sound but not the one whose digest the manifest has.', {
      entries: ([first, second, ...rest]) =>
        first && second ? [{ ...second, page: first.page }, { ...first, page: second.page }, ...rest] : [],
      error: 'map_damaged',
    }),
  ]
}

function rawMaps(): InvalidArchive[] {
  return [
    forged('map-cut', 'A map’s table ends early.', { table: (table) => table.subarray(0, -1) }),
    forged('map-continued', 'A map’s table goes on after its end.', {
      table: (table) => Buffer.concat([table, Buffer.alloc(1)]),
    }),
    forged('map-huge-count', 'A map claims four thousand million packs.', {
      table: (table) => Buffer.concat([u32(0xffffffff), table.subarray(4)]),
    }),
    forged('map-row-of-nothing', 'A page’s row is not in the table of blobs.', {
      table: (table, count) => patched(table, table.length - count * 18 - 4 * count, 99),
    }),
    forged('map-too-many-entries', 'A blob of a map with 65,537 entries.', { table: () => manyEntries() }),
  ]
}

function roots(): InvalidArchive[] {
  const root = (change: (blob: LayerBlob) => LayerBlob[]) => ({ root: change })
  return [
    forged('root-of-another-kind', 'The root of the map says that it is a list of files.', {
      layerKind: blobKind.files,
    }),
    forged('layer-other-count', 'The manifest says one entry more than the root.', { more: 1 }),
    forged(
      'root-out-of-order',
      'The root names the same blob twice.',
      root((blob) => [blob, blob]),
    ),
    forged(
      'root-other-count',
      'The root says one entry more than its blob has.',
      root((blob) => [{ ...blob, entries: blob.entries + 1 }]),
    ),
    forged(
      'root-other-range',
      'The root’s range goes further than its blob’s.',
      root((blob) => [{ ...blob, last: u32(1000) }]),
    ),
    forged(
      'root-short-key',
      'A page number of three bytes in the root.',
      root((blob) => [{ ...blob, first: Buffer.alloc(3) }]),
    ),
  ]
}

interface Forgery {
  kind?: typeof blobKind.pages | typeof blobKind.piece
  /** What is sealed instead of the pages. */
  plain?: (pages: MadePages) => Buffer
  entries?: (entries: PageEntry[]) => PageEntry[]
  /** Changes the encoded map of `count` entries. */
  table?: (table: Buffer, count: number) => Buffer
  root?: (blob: LayerBlob) => LayerBlob[]
  layerKind?: LayerKind
  /** Entries that the manifest adds to those of the root. */
  more?: number
  error?: string
}

/** A snapshot of a database of four pages, sound but for what `forgery` changes. */
function forged(name: string, note: string, forgery: Forgery): InvalidArchive {
  const archive = new TinyArchive({ key: vectorKey(name) })
  const pack = archive.newPack()
  const pages = pagesOf(archive, 4)
  const data = pack.add(
    forgery.kind ?? blobKind.pages,
    forgery.plain?.(pages) ?? pages.plain,
    Buffer.concat(pages.hashes),
  )
  const sound = entriesOf(pages, data)
  const entries = forgery.entries?.(sound) ?? sound
  const table = encodePageMap(entries)
  const place = pack.add(blobKind.map, forgery.table?.(table, entries.length) ?? table)
  const pagesNamed = entries.map(({ page }) => page)
  const [first, last] = [Math.min(...pagesNamed), Math.max(...pagesNamed)]
  const blob = {
    place,
    entries: forgery.table ? Math.min(entries.length, 65_536) : entries.length,
    first: u32(first),
    last: u32(last),
  }
  const blobs = forgery.root?.(blob) ?? [blob]
  const root = pack.add(blobKind.root, encodeRoot(forgery.layerKind ?? blobKind.map, blobs))
  const named = blobs.reduce((sum, it) => sum + it.entries, forgery.more ?? 0)
  const { ordinal, offset, length, compressed } = root
  const { id, size } = pack.store()
  const layer = { pack: id, size, ordinal, offset, length, compressed, entries: named }
  archive.putNext({ databases: [databaseOf(archive, pages, [layer])] })
  const { error = 'pack_altered' } = forgery
  return { name, note, archive, error, ...(error === 'pack_altered' && { object: packName(pack.ref.id) }) }
}

function patched(table: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(table)
  changed.writeUInt32LE(value, at)
  return changed
}

function manyEntries(): Buffer {
  const out = new ByteWriter().u32(1).raw(idBytes(vectorPack())).u32(1000).u32(1).u32(0).u32(0).u32(0).u32(100).u8(0)
  const count = 65_537
  out.u32(count)
  for (let i = 0; i < count; i++) out.u32(i)
  return out.raw(Buffer.alloc(count * (4 + 2 + 16))).done()
}

function vectorPack(): PackId {
  return packIdFrom(vectorKey('a pack that is nowhere').subarray(0, 16))
}
