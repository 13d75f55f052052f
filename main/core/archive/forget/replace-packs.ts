/**
 * Moving what is alive out of packs that are not worth keeping, and then deleting them: new packs, new layers, new
 * revisions of all manifests that name a replaced layer, seen in the destination, before anything old goes.
 */
import { CofferError, type Warning } from '../../../../contract/errors.ts'
import { type OnProgress, throwIfCancelled } from '../../jobs/progress.ts'
import type { ArchiveContext } from '../context.ts'
import { losePacks } from '../local/lose-packs.ts'
import { listPacks } from '../local/prepare.ts'
import { layerKey, type LocalState } from '../local/state.ts'
import type { Layer } from '../format/manifest.ts'
import { type PackId, packName } from '../format/names.ts'
import type { PackRef } from '../format/places.ts'
import { isDamage } from '../read/read-blob.ts'
import type { PackLanding } from '../write/pack-landing.ts'
import { finished, TableWriter } from '../write/table-writer.ts'
import { choosePacks, type ReplacedPack } from './choose-packs.ts'
import type { ListedPacks, Tally } from './collect.ts'
import type { KeptSnapshot } from './decide.ts'
import type { LiveTable } from './live-table.ts'
import { ContentMover } from './move-content.ts'
import { Moves } from './moves.ts'
import { repointMirror } from './repoint-mirror.ts'
import type { Revisions } from './revisions.ts'
import { LayerRewriter } from './rewrite-layers.ts'

export interface Replacing {
  context: ArchiveContext
  state: LocalState
  live: LiveTable
  landing: PackLanding
  revisions: Revisions
  kept: readonly KeptSnapshot[]
  /** All packs that are there. */
  listed: ListedPacks
  signal: AbortSignal
  onProgress: OnProgress
  onWarning(warning: Warning): void
}

/** Replaces packs; returns those deleted. A damaged one stays as it is, for whoever wants to save what can be saved. */
export async function replacePacks(it: Replacing): Promise<Tally> {
  const { context, state, live, landing, revisions, kept, listed, onWarning } = it
  const onFault = ({ code, detail }: CofferError): void => onWarning({ code, detail })
  const { replaced, postponed } = await choosePacks(context, live, {
    listed,
    free: await context.destination.free(),
    onFault,
  })
  if (postponed > 0)
    onWarning({
      code: 'destination_full',
      detail: { postponed, reason: 'no room to write packs anew before the old ones go' },
    })
  if (replaced.length === 0) return { objects: 0, bytes: 0 }

  const moves = new Moves(live)
  const going = await moveContent(it, replaced, moves, onFault)
  if (going.size === 0) return { objects: 0, bytes: 0 }
  const tables = new TableWriter(
    context,
    () => landing.nextPack(),
    (id, bytes) => landing.land(id, bytes),
  )
  const rewriter = new LayerRewriter(context, tables, live, moves, new Set(going.keys()))
  for (const { manifest } of kept) {
    throwIfCancelled(it.signal)
    await rewriter.rewrite(manifest)
  }
  await tables.finish()
  await requireThere(context, landing)

  const renew = (layers: readonly Layer[]): Layer[] => renewed(layers, rewriter)
  for (const snapshot of kept) {
    if (!rewriter.changes(snapshot.manifest)) continue
    throwIfCancelled(it.signal)
    const { databases, files, forgotten } = snapshot.manifest
    await revisions.next(snapshot, {
      databases: databases.map((database) => ({ ...database, layers: renew(database.layers) })),
      files: { ...files, layers: renew(files.layers) },
      forgotten: { ...forgotten, layers: renew(forgotten.layers) },
    })
  }
  await revisions.seen()
  repointMirror(state, {
    manifests: kept.map(({ manifest }) => manifest),
    going: [...going.values()],
    moves,
    rewritten: rewriter.layers,
  })

  // Nothing that counts names them any more.
  await revisions.deleteOld(kept)
  for (const id of going.keys()) await context.destination.delete(packName(id))
  losePacks(
    state,
    state.journal.all().flatMap(({ id, pack }) => (going.has(pack) ? [id] : [])),
  )
  return { objects: going.size, bytes: [...going.values()].reduce((sum, { size }) => sum + size, 0) }
}

/** Moves pages and pieces; returns the packs that can go. */
async function moveContent(
  it: Replacing,
  replaced: readonly ReplacedPack[],
  moves: Moves,
  onFault: (fault: CofferError) => void,
): Promise<Map<PackId, PackRef>> {
  const { context, state, live, landing, listed, signal, onProgress } = it
  const chosen = new Set(replaced.map(({ id }) => id))
  const stays = ({ id, size }: PackRef): boolean =>
    (listed.get(id)?.size === size && !chosen.has(id)) || landing.landed.get(id) === size
  const mover = new ContentMover(context, state, landing, live, moves, stays)
  const going = new Map<PackId, PackRef>()
  const total = replaced.reduce((sum, { alive }) => sum + alive, 0)
  let done = 0
  for (const pack of replaced) {
    throwIfCancelled(signal)
    onProgress({ phase: 'collect', done, total, item: packName(pack.id) })
    try {
      await mover.move(pack)
      going.set(pack.id, { id: pack.id, size: pack.size })
    } catch (error) {
      if (!isDamage(error)) throw error
      onFault(error)
    }
    done += pack.alive
  }
  await mover.finish()
  return going
}

/** Every pack written in this run is listed with its size: only then may a manifest name it. Errors: destination_failed. */
export async function requireThere(context: ArchiveContext, landing: PackLanding): Promise<void> {
  const there = await listPacks(context)
  for (const [id, size] of landing.landed)
    if (there.get(id) !== size)
      throw new CofferError('destination_failed', { object: packName(id), reason: 'not listed after it was written' })
}

/** A stack with its rewritten layers; those in which nothing is left are gone. */
function renewed(layers: readonly Layer[], { layers: rewritten }: LayerRewriter): Layer[] {
  return layers.flatMap((layer) => {
    const key = layerKey(layer)
    if (!rewritten.has(key)) return layer
    const written = rewritten.get(key)
    return written ? finished(written) : []
  })
}
