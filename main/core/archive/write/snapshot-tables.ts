/** From what was sealed to what the manifest says: digests and layers of databases and files. */
import { blobKind } from '../format/blob.ts'
import { u32 } from '../format/bytes.ts'
import type { ArchiveContext } from '../context.ts'
import type { FileEntry, ListEntry } from '../format/file-list.ts'
import { fileListField } from '../format/file-list.ts'
import { databaseDigest, fileListDigest } from '../format/hashes.ts'
import { maxLayerEntries, pageHashBytes } from '../format/limits.ts'
import { type CachedFile, pieceRows } from '../local/file-cache.ts'
import { chunkPages, rowBytes } from '../local/page-cache.ts'
import type { LocalState } from '../local/state.ts'
import type { DatabaseEntry, Layer, Manifest } from '../format/manifest.ts'
import { encodePageColumns, type PageEntry, type PageMapBlob } from '../format/page-map.ts'
import type { Place } from '../format/places.ts'
import { layersToMerge, overlayFiles, overlayPages } from './merge-layers.ts'
import type { SealedDatabase } from './seal-database.ts'
import { finished, type LayerPart, type TableWriter, type WrittenLayer } from './table-writer.ts'

/** A stack of layers, some of them in a pack that is not finished yet. */
export type Stack = () => Layer[]

export interface DatabaseTables extends Omit<DatabaseEntry, 'layers'> {
  layers: Stack
}

/** The tables of one database. `before` is its entry in the previous manifest when its layers can be built upon. */
export async function databaseTables(
  context: ArchiveContext,
  state: LocalState,
  tables: TableWriter,
  database: {
    path: string
    pageSize: number
    pages: number
    sealed: SealedDatabase
    before: DatabaseEntry | undefined
  },
): Promise<DatabaseTables> {
  const { path, pageSize, pages, sealed } = database
  const before = database.before?.pageSize === pageSize ? database.before : undefined
  const digest = digestOf(context, state, path, pageSize, pages)
  const described = { path, pageSize, pages, digest }
  if (!before) {
    const layer = await tables.layer(blobKind.map, wholeMap(state, database))
    return { ...described, layers: stack(layer, []) }
  }
  if (sealed.changedCount === 0) return { ...described, layers: () => before.layers }
  const merge = layersToMerge(sealed.changedCount, before.layers)
  const changed = pageEntries(state, database, (page) => ((sealed.changed[page >> 3] ?? 0) & (1 << (page & 7))) !== 0)
  const layer = await tables.pageLayer(overlayPages(context, changed, before.layers.slice(0, merge), pages))
  return { ...described, layers: stack(layer, before.layers.slice(merge)) }
}

export interface FileTables {
  count: number
  bytes: number
  digest: string
  layers: Stack
}

/** The tables of the files. `before` is the previous manifest's when its layers can be built upon. */
export async function fileTables(
  context: ArchiveContext,
  state: LocalState,
  tables: TableWriter,
  before: Manifest['files'] | undefined,
): Promise<FileTables> {
  const changes = state.files.pendingCount()
  if (before && changes === 0) return { ...before, layers: () => before.layers }
  const totals = sumFiles(context, state)
  if (!before) return { ...totals, layers: stack(await tables.fileLayer(fileEntries(state, state.files.all())), []) }
  const merge = layersToMerge(changes, before.layers)
  const rest = before.layers.slice(merge)
  const merged = overlayFiles(context, fileEntries(state, state.files.pending()), before.layers.slice(0, merge), {
    bottom: rest.length === 0,
  })
  return { ...totals, layers: stack(await tables.fileLayer(merged), rest) }
}

function stack(top: WrittenLayer | undefined, below: readonly Layer[]): Stack {
  return () => [...(top ? [finished(top)] : []), ...below]
}

function digestOf(context: ArchiveContext, state: LocalState, path: string, pageSize: number, pages: number): string {
  const digest = databaseDigest(context.keys, pageSize, pages)
  const per = chunkPages(pageSize)
  const hashes = Buffer.allocUnsafe(per * pageHashBytes)
  for (let chunk = 0; chunk * per < pages; chunk++) {
    const count = Math.min(per, pages - chunk * per)
    const rows = state.pages.newestRows(path, chunk)
    if (!rows || rows.length < count * rowBytes) throw new Error('a chunk of pages without its rows')
    for (let i = 0; i < count; i++) rows.copy(hashes, i * pageHashBytes, i * rowBytes, i * rowBytes + pageHashBytes)
    digest.update(hashes.subarray(0, count * pageHashBytes))
  }
  return digest.final().toString('hex')
}

/** Every page of a database, in blobs as large as they may be; by columns, since here they are all the pages there are. */
function* wholeMap(
  state: LocalState,
  { path, pageSize, pages }: { path: string; pageSize: number; pages: number },
): Generator<LayerPart, void, undefined> {
  const per = chunkPages(pageSize)
  const placeOf = places(state)
  for (let first = 0; first < pages; first += maxLayerEntries) {
    const count = Math.min(maxLayerEntries, pages - first)
    const known = new Map<Place, number>()
    const columns: PageMapBlob = {
      places: [],
      pages: Uint32Array.from({ length: count }, (_, i) => first + i),
      rows: new Uint32Array(count),
      indexes: new Uint16Array(count),
      hashes: Buffer.allocUnsafe(count * pageHashBytes),
    }
    // A chunk is a power of two of pages and no larger than a blob's entries: none lies in two blobs.
    for (let at = 0; at < count; at += per) {
      const rows = state.pages.newestRows(path, (first + at) / per)
      if (!rows) throw new Error('a chunk of pages without its rows')
      for (let i = 0; i < per && at + i < count; i++) {
        rows.copy(columns.hashes, (at + i) * pageHashBytes, i * rowBytes, i * rowBytes + pageHashBytes)
        const place = placeOf(rows.readUInt32LE(i * rowBytes + pageHashBytes))
        let row = known.get(place)
        if (row === undefined) known.set(place, (row = columns.places.push(place) - 1))
        columns.rows[at + i] = row
        columns.indexes[at + i] = rows.readUInt16LE(i * rowBytes + pageHashBytes + 4)
      }
    }
    yield { plain: encodePageColumns(columns), entries: count, first: u32(first), last: u32(first + count - 1) }
  }
}

function* pageEntries(
  state: LocalState,
  { path, pageSize, pages }: { path: string; pageSize: number; pages: number },
  wanted: (page: number) => boolean,
): Generator<PageEntry, void, undefined> {
  const per = chunkPages(pageSize)
  const placeOf = places(state)
  for (let chunk = 0; chunk * per < pages; chunk++) {
    let rows: Buffer | undefined
    for (let i = 0; i < per && chunk * per + i < pages; i++) {
      const page = chunk * per + i
      if (!wanted(page)) continue
      rows ??= state.pages.newestRows(path, chunk)
      if (!rows) throw new Error('a chunk of pages without its rows')
      const row = rows.subarray(i * rowBytes, (i + 1) * rowBytes)
      yield {
        page,
        hash: row.subarray(0, pageHashBytes),
        place: placeOf(row.readUInt32LE(pageHashBytes)),
        index: row.readUInt16LE(pageHashBytes + 4),
      }
    }
  }
}

function* fileEntries(
  state: LocalState,
  files: Iterable<CachedFile | { path: Buffer; removed: true }>,
): Generator<ListEntry, void, undefined> {
  const placeOf = places(state)
  for (const file of files) {
    if ('removed' in file) yield file
    else {
      const { path, size, modified, digest } = file
      const entry: FileEntry = {
        path,
        size,
        modified,
        digest,
        pieces: pieceRows(file.pieces).map(({ blob, hash }) => ({ hash, place: placeOf(blob) })),
      }
      yield entry
    }
  }
}

/** Neighbouring pages and pieces lie in the same blobs: the last few are remembered. */
function places(state: LocalState): (blob: number) => Place {
  const known = new Map<number, Place>()
  return (blob) => {
    let place = known.get(blob)
    if (!place) {
      place = state.index.placeOf(blob)
      if (!place) throw new Error('a blob without its place')
      if (known.size >= 4096) known.clear()
      known.set(blob, place)
    }
    return place
  }
}

function sumFiles(context: ArchiveContext, state: LocalState): { count: number; bytes: number; digest: string } {
  const digest = fileListDigest(context.keys)
  let [count, bytes] = [0, 0]
  for (const file of state.files.all()) {
    digest.update(fileListField(file))
    count++
    bytes += file.size
  }
  return { count, bytes, digest: digest.final().toString('hex') }
}
