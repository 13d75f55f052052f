/**
 * Bringing this computer's state of an archive in line with the destination before a backup: packs that arrived
 * unnoticed are adopted, lost ones distrusted, and the mirror of the newest snapshot is rebuilt from its layers when
 * it is not that snapshot's.
 */
import { blobKind } from '../format/blob.ts'
import { Malformed } from '../format/bytes.ts'
import type { ArchiveContext } from '../context.ts'
import type { Manifest } from '../format/manifest.ts'
import { type PackId, packName, parsePackName } from '../format/names.ts'
import { readIndex, readTrailer, trailerBytes } from '../format/pack.ts'
import { isDamage } from '../read/read-blob.ts'
import { pagesOfBlobs, splitHashes } from './hash-index.ts'
import { losePacks } from './lose-packs.ts'
import { rebuild } from './rebuild.ts'
import { layerPacks, type LocalState } from './state.ts'

/** Every pack in the destination with its size. */
export async function listPacks(context: Pick<ArchiveContext, 'destination'>): Promise<Map<PackId, number>> {
  const packs = new Map<PackId, number>()
  for await (const { name, size } of context.destination.list('packs')) {
    const id = parsePackName(name)
    if (id) packs.set(id, size)
  }
  return packs
}

/**
 * Makes the state fit `newest` (undefined for an empty archive). Returns whether its layers can be built upon: if not,
 * the next backup writes whole new ones. Errors: cancelled, and what the next run finds then is no worse.
 */
export async function prepare(
  context: ArchiveContext,
  state: LocalState,
  newest: Manifest | undefined,
  signal: AbortSignal,
): Promise<{ layersIntact: boolean }> {
  const listed = await listPacks(context)
  await reconcileJournal(context, state, listed)
  const label = state.cache.label
  if (!newest) {
    if (label) state.cache.clearMirror()
    return { layersIntact: false }
  }
  if (label?.identity !== newest.identity || label.revision !== newest.revision) {
    state.cache.clearMirror()
    try {
      await rebuild(context, state, newest, listed, signal)
    } catch (error) {
      if (!isDamage(error)) throw error
      state.cache.clearMirror()
      return { layersIntact: false }
    }
  }
  return {
    layersIntact: [...layerPacks(state.cache).values()].flat().every(({ pack, size }) => listed.get(pack) === size),
  }
}

async function reconcileJournal(
  context: ArchiveContext,
  state: LocalState,
  listed: ReadonlyMap<PackId, number>,
): Promise<void> {
  const lost: number[] = []
  for (const { id, pack, size, landed } of state.journal.all()) {
    const there = listed.get(pack)
    if (landed && there !== size) lost.push(id)
    else if (!landed && there === undefined) state.journal.drop(pack)
    else if (!landed && there !== undefined) await adopt(context, state, pack, there)
  }
  losePacks(state, lost)
}

/** Takes in a pack that landed although this computer died before it could note it: its index tells what it holds. */
async function adopt(
  context: ArchiveContext,
  { cache, journal, index }: LocalState,
  pack: PackId,
  size: number,
): Promise<void> {
  const { destination, archive, keys } = context
  const trailer = await destination.get(packName(pack), {
    offset: Math.max(0, size - trailerBytes),
    length: trailerBytes,
  })
  try {
    if (!trailer) throw new Malformed('gone')
    const at = readTrailer(Buffer.from(trailer), size)
    const sealed = await destination.get(packName(pack), { offset: at.offset, length: at.length })
    const blobs = readIndex(Buffer.from(sealed ?? []), at, archive, pack, keys.blobs)
    cache.write(() => {
      const row = journal.landed(pack, size)
      for (const blob of blobs) {
        const id = index.blobAt(row, blob)
        if (blob.kind === blobKind.pages) index.addPages(pagesOfBlobs([{ blob: id, hashes: blob.hashes }]))
        if (blob.kind === blobKind.piece)
          index.addPieces(splitHashes(blob.hashes, 'pieces').map((hash) => ({ hash, blob: id })))
      }
    })
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    // Not whole or not ours: it stays listed as this computer's and the next forget removes it.
  }
}
