/** What a snapshot says it holds: every page and file has a place in a pack that is there, and the digests fit. */
import type { CofferError } from '../../../../contract/errors.ts'
import { blobKind } from '../../archive/format/blob.ts'
import type { ArchiveContext } from '../../archive/context.ts'
import { fileListField } from '../../archive/format/file-list.ts'
import { databaseDigest, fileDigest, fileListDigest } from '../../archive/format/hashes.ts'
import type { LayerKind } from '../../archive/format/layer-root.ts'
import type { DatabaseEntry, Layer, Manifest } from '../../archive/format/manifest.ts'
import { manifestName, type PackId } from '../../archive/format/names.ts'
import type { PackRef } from '../../archive/format/places.ts'
import { isDamage } from '../../archive/read/read-blob.ts'
import { readForgotten, readRoot } from '../../archive/read/read-layers.ts'
import { resolveFiles } from '../../archive/read/resolve-files.ts'
import { resolvePages } from '../../archive/read/resolve-pages.ts'
import { splitPath } from '../restore/safe-name.ts'
import type { Faults } from './faults.ts'
import { checkPresence, type Listing } from './list-objects.ts'

export interface TableCheck {
  context: ArchiveContext
  listing: Listing
  faults: Faults
  /** Called now and then, to stop. */
  check: () => void
}

/** Resolves all layers of a snapshot. Adds map_damaged (naming the manifest) and faults of the packs it needs. */
export async function verifyTables(it: TableCheck, manifest: Manifest): Promise<void> {
  const object = manifestName(manifest)
  for (const database of manifest.databases) await verifyDatabase(it, database, object)
  await verifyFiles(it, manifest, object)
  await checkLayers(it, manifest.forgotten.layers, blobKind.forgotten)
  try {
    if ((await readForgotten(it.context, manifest.forgotten.layers)).size !== manifest.forgotten.count)
      it.faults.add('map_damaged', object, { reason: 'the list of deleted backups is not the one of this backup' })
  } catch (error) {
    if (!isDamage(error)) throw error
    it.faults.caught(error)
  }
}

async function verifyDatabase(it: TableCheck, database: DatabaseEntry, object: string): Promise<void> {
  const { context, listing, faults, check } = it
  const digest = databaseDigest(context.keys, database.pageSize, database.pages)
  let damaged = false
  const onFault = (fault: CofferError): void => {
    damaged = true
    faults.caught(fault)
  }
  const entries = await checkLayers(it, database.layers, blobKind.map)
  if (splitPath(Buffer.from(database.path))?.length !== 1)
    faults.add('map_damaged', object, { database: database.path, reason: 'a database must lie at the root' })
  // Said at once: a forger may claim four thousand million pages and give none.
  if (entries !== undefined && entries < database.pages)
    return faults.add('map_damaged', object, {
      database: database.path,
      reason: 'the map has fewer entries than pages',
    })
  for await (const { rows, places, hashes, first } of resolvePages(context, database, onFault)) {
    check()
    digest.update(hashes)
    const used = new Uint8Array(places.length)
    let without = -1
    rows.forEach((row, at) => {
      if (row < used.length) used[row] = 1
      else if (without < 0) without = at
    })
    // Of a damaged map nothing else was to be expected; that fault is told already.
    if (without >= 0 && !damaged) faults.add('map_damaged', object, { database: database.path, page: first + without })
    if (without >= 0) damaged = true
    const seen = new Set<PackId>()
    places.forEach(({ pack }, row) => {
      if (used[row] === 1 && !seen.has(pack.id)) checkPresence(listing, pack, faults)
      if (used[row] === 1) seen.add(pack.id)
    })
  }
  if (!damaged && digest.final().toString('hex') !== database.digest)
    faults.add('map_damaged', object, { database: database.path, reason: 'the digest does not fit' })
}

async function verifyFiles(it: TableCheck, { files }: Manifest, object: string): Promise<void> {
  const { context, listing, faults, check } = it
  let damaged = false
  const onFault = (fault: CofferError): void => {
    damaged = true
    faults.caught(fault)
  }
  await checkLayers(it, files.layers, blobKind.files)
  const digest = fileListDigest(context.keys)
  let [count, bytes] = [0, 0]
  let last: PackRef | undefined
  for await (const entry of resolveFiles(context, files.layers, onFault)) {
    if (++count % 4096 === 0) check()
    bytes += entry.size
    digest.update(fileListField(entry))
    const fits = fileDigest(context.keys, entry.size, Buffer.concat(entry.pieces.map(({ hash }) => hash))).equals(
      entry.digest,
    )
    if (!fits || !splitPath(entry.path))
      faults.add('map_damaged', object, {
        path: entry.path.toString('utf8'),
        reason: fits ? 'a path that leads elsewhere' : 'the digest does not fit',
      })
    for (const { place } of entry.pieces) {
      // Files that follow each other lie in the same pack more often than not.
      if (last?.id !== place.pack.id || last.size !== place.pack.size) checkPresence(listing, place.pack, faults)
      last = place.pack
    }
  }
  if (!damaged && (count !== files.count || bytes !== files.bytes || digest.final().toString('hex') !== files.digest))
    faults.add('map_damaged', object, { reason: 'the list of files is not the one of this backup' })
}

/**
 * Whether the packs of the tables themselves are there. What is wrong within a table is told by whoever reads it.
 * Returns how many entries the layers have, if all their roots open.
 */
async function checkLayers(
  { context, listing, faults }: TableCheck,
  layers: readonly Layer[],
  kind: LayerKind,
): Promise<number | undefined> {
  let entries: number | undefined = 0
  for (const layer of layers) {
    if (entries !== undefined) entries += layer.entries
    checkPresence(listing, { id: layer.pack, size: layer.size }, faults)
    try {
      let last: PackRef | undefined
      for (const { place } of await readRoot(context, layer, kind)) {
        if (last?.id !== place.pack.id || last.size !== place.pack.size) checkPresence(listing, place.pack, faults)
        last = place.pack
      }
    } catch (error) {
      if (!isDamage(error)) throw error
      faults.caught(error)
      entries = undefined
    }
  }
  return entries
}
