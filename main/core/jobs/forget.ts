/**
 * Forgetting: older snapshots are deleted, then whatever nobody needs any more (docs/FORMAT.md, "Forgetting").
 *
 * It may be killed between any two steps. Until the newest manifest lists a snapshot as deleted, nothing has happened;
 * from then on the next forget deletes it. A pack goes only when no manifest that counts needs it, and a manifest only
 * when what follows it, or its own next revision, has been seen in the destination.
 */
import { CofferError, type Warning } from '../../../contract/errors.ts'
import { deleteUnneeded, listWithTimes, type Tally } from '../archive/forget/collect.ts'
import type { Chain } from '../archive/forget/chain.ts'
import { decide, type Decision } from '../archive/forget/decide.ts'
import { type ForgottenStack, listOf, writeList } from '../archive/forget/forgotten-layers.ts'
import type { KeepRule } from '../archive/forget/keep-rule.ts'
import { LiveTable } from '../archive/forget/live-table.ts'
import { markContent, markForgotten } from '../archive/forget/mark.ts'
import { replacePacks, requireThere } from '../archive/forget/replace-packs.ts'
import { Revisions } from '../archive/forget/revisions.ts'
import { LocalCache } from '../archive/local/cache.ts'
import { localState, type LocalState } from '../archive/local/state.ts'
import type { Manifest } from '../archive/format/manifest.ts'
import { packName, parsePackName } from '../archive/format/names.ts'
import { isDamage } from '../archive/read/read-blob.ts'
import { readForgotten } from '../archive/read/read-layers.ts'
import { bySnapshot, type FoundSnapshot, openSnapshots } from '../archive/read/survey-snapshots.ts'
import { listManifests } from '../archive/read/read-manifests.ts'
import { PackLanding } from '../archive/write/pack-landing.ts'
import { TableWriter } from '../archive/write/table-writer.ts'
import { judgeFreshness } from './freshness.ts'
import { archiveFolder, readMemory } from './memory.ts'
import { type OnProgress, throwIfCancelled } from './progress.ts'
import type { Session } from './session.ts'
import { inOrder } from './snapshots.ts'

export interface ForgetOptions {
  /** Which snapshots stay; all, if not given: then only what nobody needs is deleted. */
  keep?: KeepRule
  /** Snapshots to delete in any case: ids or their beginnings, or the identity of one that is missing for good. */
  snapshots?: readonly string[]
  signal: AbortSignal
  onProgress: OnProgress
}

export interface ForgetResult {
  /** Ids of the snapshots deleted. */
  forgotten: string[]
  /** How many are left. */
  kept: number
  /** Packs that nobody needed any more. */
  deleted: Tally
  /** Packs less than half alive, or small, whose live content now lies in new packs. */
  repacked: Tally
  /** What was written for that. Room gained: deleted and repacked bytes, less these. */
  written: Tally
  warnings: Warning[]
}

/**
 * Forgets snapshots and collects what nobody needs. While any snapshot is missing or does not open, or a map of one
 * that stays is damaged, nothing is deleted: what it needs could not be told. Errors: archive_busy, other_writer,
 * no_such_snapshot, newest_kept, manifest_altered, manifest_missing, chain_broken, pack_*, map_damaged, destination_*,
 * local_full, home_failed, cancelled.
 */
export async function forget(session: Session, options: ForgetOptions): Promise<ForgetResult> {
  const folder = archiveFolder(session.home, session.archive)
  return await LocalCache.lend(folder, (cache) => forgetWith(session, cache, folder, options))
}

async function forgetWith(
  session: Session,
  cache: LocalCache,
  folder: string,
  options: ForgetOptions,
): Promise<ForgetResult> {
  let live: LiveTable | undefined
  try {
    const state = localState(cache)
    const { decision, found, relist, warnings } = await survey(session, options)
    const ours = new Set(state.journal.all().map(({ pack }) => packName(pack)))
    await session.destination.tidy((name) => ours.has(name) || parsePackName(name) === undefined)

    live = LiveTable.open(folder)
    const manifests = decision.kept.map(({ manifest }) => manifest)
    await markContent(session, live, manifests, (done, total) => {
      throwIfCancelled(options.signal)
      options.onProgress({ phase: 'read', done, total })
    })
    const run = new ForgetRun(session, state, live, decision, options)
    await run.recordDeleted({ relist })
    await run.deleteSnapshots()
    const { deleted, repacked } = await run.collect()
    return {
      forgotten: decision.doomed.flatMap(({ listed: [first] }) => first?.snapshot ?? []),
      kept: decision.kept.length,
      deleted,
      repacked,
      written: run.written,
      warnings: [...session.warnings, ...found.flatMap(faultsOf), ...warnings, ...run.warnings],
    }
  } finally {
    live?.close()
  }
}

interface Survey {
  decision: Decision
  found: FoundSnapshot[]
  /** The newest snapshot's list of what was deleted is damaged and has to be written anew. */
  relist: boolean
  warnings: Warning[]
}

/** What is there, what is to go, and whether this computer may say so. */
async function survey(session: Session, { keep = 'all', snapshots = [] }: ForgetOptions): Promise<Survey> {
  const memory = readMemory(session.home, session.archive)
  const listed = await listManifests(session)
  const found = await openSnapshots(session, bySnapshot(listed))
  const manifests = inOrder(found.flatMap(({ manifest }) => manifest ?? []))
  const heads = manifests.filter(({ seq }) => seq === manifests.at(-1)?.seq)
  // Of two sides of a fork this computer's is the one it knows, as for a backup.
  const newest = heads.find(({ identity }) => identity === memory.newest?.identity) ?? heads.at(-1)
  if (newest && newest.writer !== memory.writer)
    throw new CofferError('other_writer', { since: new Date(newest.createdAt).toISOString() })
  const deleted = await listsOf(session, heads)
  // The newest tells of all that were deleted, unless it was made on a day on which the one before it did not open,
  // or its list is damaged: then the others' lists tell, each of what went before it.
  const here = new Set(manifests.map(({ identity }) => identity))
  const loose = manifests.filter(({ predecessor }) => predecessor !== null && !here.has(predecessor))
  const told = await listsOf(session, loose)
  const decision = decide(
    { found, deleted: deleted.rows, told: told.rows, remembered: memory.newest },
    { rule: keep, named: snapshots, now: session.now() },
  )
  const judged = deleted.faults.length > 0 ? [] : await judgeFreshness(session, { manifests, listed })
  return { decision, found, relist: deleted.faults.length > 0, warnings: [...deleted.faults, ...judged] }
}

/** What these snapshots list as deleted. A damaged list tells nothing. */
async function listsOf(session: Session, manifests: readonly Manifest[]): Promise<{ rows: Chain; faults: Warning[] }> {
  const rows: Chain = new Map()
  const faults: Warning[] = []
  for (const { forgotten } of manifests)
    try {
      for (const [identity, predecessor] of await readForgotten(session, forgotten.layers))
        rows.set(identity, predecessor)
    } catch (error) {
      if (!isDamage(error)) throw error
      faults.push({ code: error.code, detail: error.detail })
    }
  return { rows, faults }
}

/** Revisions that do not open beside one that does. */
function faultsOf({ manifest, faults }: FoundSnapshot): Warning[] {
  return manifest ? faults.map(({ code, detail }) => ({ code, detail })) : []
}

class ForgetRun {
  private readonly session: Session
  private readonly state: LocalState
  private readonly live: LiveTable
  private readonly decision: Decision
  private readonly options: ForgetOptions
  private readonly landing: PackLanding
  private readonly revisions: Revisions
  readonly warnings: Warning[] = []

  constructor(session: Session, state: LocalState, live: LiveTable, decision: Decision, options: ForgetOptions) {
    this.session = session
    this.state = state
    this.live = live
    this.decision = decision
    this.options = options
    this.landing = new PackLanding(session, state)
    this.revisions = new Revisions(session)
    // From here on the mirror, if there is one, is that of a snapshot as its manifest in hand describes it.
    const { label } = state.cache
    const mirrored = decision.kept.some(
      ({ manifest }) => manifest.identity === label?.identity && manifest.revision === label.revision,
    )
    if (label && !mirrored) state.cache.clearMirror()
  }

  get written(): Tally {
    const { objects, bytes } = this.revisions.written
    return { objects: this.landing.landed.size + objects, bytes: this.landing.uploaded + bytes }
  }

  /** Puts the revisions that list what is about to be deleted; the newest last, since with it the deletion is decided. */
  async recordDeleted({ relist }: Pick<Survey, 'relist'>): Promise<void> {
    const { session, decision, landing, revisions } = this
    const here = new Set(decision.kept.map(({ manifest }) => manifest.identity))
    const tables = new TableWriter(
      session,
      () => landing.nextPack(),
      (id, bytes) => landing.land(id, bytes),
    )
    const lists = new Map<Decision['kept'][number], ForgottenStack>()
    for (const kept of decision.fresh.size > 0 || relist ? decision.kept : []) {
      const list = await writeList(session, tables, kept, listOf(kept, decision, here), decision.fresh)
      if (list) lists.set(kept, list)
    }
    await tables.finish()
    if (lists.size > 0) await requireThere(session, landing)
    for (const [kept, list] of [...lists].sort(([a], [b]) => Number(a.head) - Number(b.head))) {
      throwIfCancelled(this.options.signal)
      await revisions.next(kept, { forgotten: list() })
    }
    await revisions.seen()
    // The mirror holds pages and files, of which none has changed.
    const { cache } = this.state
    const mirrored = decision.kept.find(({ manifest }) => manifest.identity === cache.label?.identity)
    if (mirrored)
      cache.write(() => cache.setLabel({ identity: mirrored.manifest.identity, revision: mirrored.manifest.revision }))
  }

  async deleteSnapshots(): Promise<void> {
    for (const { listed } of this.decision.doomed) {
      throwIfCancelled(this.options.signal)
      await this.revisions.deleteAll(listed)
    }
    await this.revisions.deleteOld(this.decision.kept)
  }

  async collect(): Promise<{ deleted: Tally; repacked: Tally }> {
    const { session, state, live, landing, revisions, decision } = this
    const { signal, onProgress } = this.options
    await markForgotten(
      session,
      live,
      decision.kept.flatMap(({ manifest }) => manifest.forgotten.layers),
    )
    const listed = await listWithTimes(session)
    const deleted = await deleteUnneeded(session, state, live, listed, signal)
    const repacked = await replacePacks({
      context: session,
      state,
      live,
      landing,
      revisions,
      kept: decision.kept,
      listed,
      signal,
      onProgress,
      onWarning: (warning) => this.warnings.push(warning),
    })
    landing.dropUnused()
    return { deleted, repacked }
  }
}
