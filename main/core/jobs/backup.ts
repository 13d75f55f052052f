/** A backup: the store as it is now becomes the archive's newest snapshot (docs/FORMAT.md, "Order of events"). */
import { CofferError, type Warning } from '../../../contract/errors.ts'
import { LocalCache } from '../archive/local/cache.ts'
import { listPacks, prepare } from '../archive/local/prepare.ts'
import { localState, type LocalState } from '../archive/local/state.ts'
import type { Manifest } from '../archive/format/manifest.ts'
import { packName, parsePackName } from '../archive/format/names.ts'
import { type SealWorker, startSealWorkers } from '../archive/write/seal-pool.ts'
import type { Store } from '../stores/open-store.ts'
import type { StoreSnapshot } from '../stores/store.ts'
import { commit, remember } from './commit-snapshot.ts'
import { healHeader } from './heal-header.ts'
import { archiveFolder, readMemory, writeMemory } from './memory.ts'
import { newestSnapshot } from './newest-snapshot.ts'
import { type VaultAtBackup, vaultAtBackup } from './password/at-backup.ts'
import { type OnProgress, throwIfCancelled } from './progress.ts'
import { sealStore } from './seal-store.ts'
import type { Session } from './session.ts'
import { together } from './together.ts'

export interface BackupOptions {
  store: Store
  /** Whether this computer may follow another one as the archive's writer. */
  takeOver: boolean
  signal: AbortSignal
  onProgress: OnProgress
}

export interface BackupResult {
  snapshot: string
  seq: number
  databases: { path: string; pages: number; changed: number }[]
  files: { new: number; unchanged: number; missing: number }
  uploaded: { bytes: number; objects: number }
  warnings: Warning[]
  seconds: number
}

/** How often a backup starts over when packs disappear between their upload and its manifest. */
const passes = 3

/**
 * Makes a backup. Whatever interrupts it, earlier snapshots stay as they are and the next run uses what has landed.
 * Errors: archive_busy, other_writer, wrong_kind, store_*, destination_*, local_full, home_failed, cancelled.
 */
export async function backup(session: Session, options: BackupOptions): Promise<BackupResult> {
  return await LocalCache.lend(archiveFolder(session.home, session.archive), (cache) => backUp(session, cache, options))
}

async function backUp(session: Session, cache: LocalCache, options: BackupOptions): Promise<BackupResult> {
  const started = performance.now()
  const { signal, onProgress } = options
  let snapshot: StoreSnapshot | undefined
  // Those nobody has taken over yet.
  let workers: SealWorker[] | undefined
  let vault: VaultAtBackup | undefined
  try {
    const state = localState(cache)
    const remembered = readMemory(session.home, session.archive)
    const { manifest: before, nextSeq, warnings: found } = await newestSnapshot(session, remembered)
    if (before && before.writer !== remembered.writer && !options.takeOver)
      throw new CofferError('other_writer', { since: new Date(before.createdAt).toISOString() })
    // Kept before a manifest can carry its writer's id: after a crash in between this computer would be a stranger.
    const memory = writeMemory(session.home, session.archive, remembered)
    const warnings = [...session.warnings, ...found]
    await healHeader(session)
    const ours = new Set(state.journal.all().map(({ pack }) => packName(pack)))
    await session.destination.tidy((name) => ours.has(name) || parsePackName(name) === undefined)

    throwIfCancelled(signal)
    vault = vaultAtBackup(session, signal)
    workers = startSealWorkers(session, session.startWorker)
    for (let pass = 1; ; pass++) {
      // Each pass lets go of the store as soon as it has read it.
      const stop = new AbortController()
      const either = AbortSignal.any([signal, stop.signal])
      const taking = async () => (snapshot = await options.store.snapshot({ signal: either, onProgress }))
      // The one waits for this computer's disk, the other for the destination.
      const preparing = () => prepare(session, state, before, either)
      const [taken, { layersIntact }] = await together([taking, preparing], () => stop.abort())
      if (before && !continues(before, taken))
        throw new CofferError('wrong_kind', { archive: before.kind, store: taken.kind })
      const sealed = await sealStore(session, state, taken, {
        before,
        layersIntact,
        signal,
        onProgress,
        firstBackup: !before,
        workers: (workers ??= startSealWorkers(session, session.startWorker)),
      })
      workers = undefined
      if (!(await allThere(session, state))) {
        if (pass === passes)
          throw new CofferError('destination_failed', {
            reason: 'packs disappear from this place as soon as they are there',
          })
        await taken.close()
        continue
      }
      throwIfCancelled(signal)
      onProgress({ phase: 'commit', done: 0, total: 0 })
      const { manifest, objectBytes } = await commit(session, memory, {
        before,
        nextSeq,
        sealed,
        kind: before?.kind ?? taken.kind,
        vaultSeen: await vault.seen(before),
      })
      // Of the store only now: what could not be counted is told while it is sealed.
      warnings.push(...taken.warnings, ...sealed.warnings, ...remember(session, state, memory, { manifest, sealed }))
      warnings.push(...(await vault.tell(manifest)))
      return {
        snapshot: manifest.snapshot,
        seq: manifest.seq,
        databases: sealed.databases.map(({ path, pages, changed }) => ({ path, pages, changed })),
        files: sealed.files,
        uploaded: { bytes: sealed.uploaded.bytes + objectBytes, objects: sealed.uploaded.objects + 1 },
        warnings,
        seconds: (performance.now() - started) / 1000,
      }
    }
  } finally {
    vault?.close()
    await Promise.all((workers ?? []).map((worker) => worker.terminate()))
    await snapshot?.close()
  }
}

/**
 * Whether a store is the one an archive belongs to. A messenger's update may change its tables so that they are not
 * recognised any more: its backups go on under the archive's kind, with the warning that they cannot be browsed.
 */
function continues(before: Manifest, snapshot: StoreSnapshot): boolean {
  if (before.kind === snapshot.kind) return true
  return snapshot.warnings.some(({ code, detail }) => code === 'cannot_be_browsed' && detail['kind'] === before.kind)
}

/** A manifest must never name a pack that is not there: everything this computer knows of is looked for once more. */
async function allThere(session: Session, state: LocalState): Promise<boolean> {
  const there = await listPacks(session)
  return state.journal.all().every(({ pack, size, landed }) => !landed || there.get(pack) === size)
}
