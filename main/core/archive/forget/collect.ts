/** Deleting the packs that nobody needs (docs/FORMAT.md, "Forgetting"). */
import { throwIfCancelled } from '../../jobs/progress.ts'
import type { ArchiveContext } from '../context.ts'
import { losePacks } from '../local/lose-packs.ts'
import type { LocalState } from '../local/state.ts'
import { type PackId, packName, parsePackName } from '../format/names.ts'
import type { LiveTable } from './live-table.ts'

/** Packs that nobody here knows may be another computer's backup under way for this long. */
const foreignForMs = 7 * 24 * 3600 * 1000

export interface Tally {
  objects: number
  bytes: number
}

export type ListedPacks = Map<PackId, { size: number; modified: Date }>

/** Every pack in the destination. */
export async function listWithTimes({ destination }: Pick<ArchiveContext, 'destination'>): Promise<ListedPacks> {
  const listed: ListedPacks = new Map()
  for await (const { name, size, modified } of destination.list('packs')) {
    const id = parsePackName(name)
    if (id) listed.set(id, { size, modified })
  }
  return listed
}

/**
 * Deletes packs in which nothing is alive, and takes them out of `listed`. At once if this computer's journal or any
 * table knows them; otherwise when they are seven days old by the destination's clock.
 */
export async function deleteUnneeded(
  context: ArchiveContext,
  state: LocalState,
  live: LiveTable,
  listed: ListedPacks,
  signal: AbortSignal,
): Promise<Tally> {
  const { destination } = context
  const needed = live.needed()
  const journalled = new Set(state.journal.all().map(({ pack }) => pack))
  const deleted: Tally = { objects: 0, bytes: 0 }
  let abandoned: number | undefined
  for (const [id, { size, modified }] of listed) {
    if (needed.has(id)) continue
    if (!journalled.has(id) && !live.names(id)) {
      abandoned ??= (await destination.now()).getTime() - foreignForMs
      if (modified.getTime() > abandoned) continue
    }
    throwIfCancelled(signal)
    await destination.delete(packName(id))
    listed.delete(id)
    deleted.objects++
    deleted.bytes += size
  }
  // A crash before this line leaves a journal of packs that are gone; whoever reads it next looks for them first.
  const gone = state.journal.all().filter(({ pack }) => !listed.has(pack) && !needed.has(pack))
  losePacks(
    state,
    gone.map(({ id }) => id),
  )
  return deleted
}
