/** A backup: the store as it is now becomes the archive's newest snapshot (archive.md, "Order of events"). */
import { CofferError, type Warning } from '../../../contract/errors.ts'
import { headerName, newSnapshotId, packName, parsePackName, previousHeaderName } from '../archive/names.ts'
import { identify, type Manifest } from '../archive/manifest.ts'
import { manifestName, type ManifestName } from '../archive/names.ts'
import { sealManifest } from '../archive/sealed-manifest.ts'
import { encodeHeader } from '../archive/header.ts'
import { maxHeader } from '../archive/limits.ts'
import { proveHeader } from '../archive/open-header.ts'
import type { ArchiveKeys } from '../keys/subkeys.ts'
import { LocalCache, localFailure } from '../archive/local/cache.ts'
import { listPacks, prepare } from '../archive/local/prepare.ts'
import { layerKey, layerPacks, localState, type LocalState, setLayerPacks } from '../archive/local/state.ts'
import type { Store } from '../stores/open-store.ts'
import type { StoreSnapshot } from '../stores/store.ts'
import { archiveFolder, type Memory, readMemory, writeMemory } from './memory.ts'
import { newestSnapshot } from './newest-snapshot.ts'
import { type OnProgress, throwIfCancelled } from './progress.ts'
import { sealStore, type SealedStore } from './seal-store.ts'
import type { Session } from './session.ts'

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
  const started = performance.now()
  const cache = LocalCache.open(archiveFolder(session.home, session.archive))
  let snapshot: StoreSnapshot | undefined
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

    throwIfCancelled(options.signal)
    snapshot = await options.store.snapshot({ signal: options.signal, onProgress: options.onProgress })
    if (before && before.kind !== snapshot.kind)
      throw new CofferError('wrong_kind', { archive: before.kind, store: snapshot.kind })
    warnings.push(...snapshot.warnings)

    for (let pass = 1; ; pass++) {
      const { layersIntact } = await prepare(session, state, before)
      const sealed = await sealStore(session, state, snapshot, {
        before,
        layersIntact,
        signal: options.signal,
        onProgress: options.onProgress,
        firstBackup: !before,
      })
      if (!(await allThere(session, state))) {
        if (pass === passes)
          throw new CofferError('destination_failed', {
            reason: 'packs disappear from this place as soon as they are there',
          })
        continue
      }
      options.onProgress({ phase: 'commit', done: 0, total: 0 })
      const { manifest, objectBytes } = await commit(session, memory, { before, nextSeq, sealed, kind: snapshot.kind })
      warnings.push(...sealed.warnings, ...remember(session, state, memory, { manifest, sealed }))
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
  } catch (error) {
    throw localFailure(error)
  } finally {
    await snapshot?.close()
    cache.close()
  }
}

/** A manifest must never name a pack that is not there: everything this computer knows of is looked for once more. */
async function allThere(session: Session, state: LocalState): Promise<boolean> {
  const there = await listPacks(session)
  return state.journal.all().every(({ pack, size, landed }) => !landed || there.get(pack) === size)
}

async function commit(
  session: Session,
  memory: Memory,
  it: { before: Manifest | undefined; nextSeq: number; sealed: SealedStore; kind: string },
): Promise<{ manifest: Manifest; objectBytes: number }> {
  const { before, sealed } = it
  const { vault, number } = session.header
  const described = {
    archive: session.archive as string,
    seq: it.nextSeq,
    snapshot: newSnapshotId() as string,
    predecessor: before?.identity ?? null,
    createdAt: session.now().getTime(),
    kind: it.kind,
    ...sealed.summary,
    databases: sealed.databases.map(({ path, pageSize, pages, digest, layers }) => ({
      path,
      pageSize,
      pages,
      digest,
      layers,
    })),
    files: sealed.fileTables,
  }
  const manifest: Manifest = {
    format: 1,
    ...described,
    revision: 1,
    identity: identify(session.keys.identity, described),
    writer: memory.writer,
    header: {
      number,
      vault: vault && {
        address: vault.address,
        fingerprint: vault.fingerprint.toString('hex'),
        record: vault.record.toString('hex'),
      },
    },
    vaultSeen: before?.vaultSeen ?? null,
    forgotten: before?.forgotten ?? { count: 0, layers: [] },
    added: sealed.uploaded.bytes,
  }
  const object = sealManifest(manifest, session.keys)
  await session.destination.put(
    manifestName(manifest as Pick<Manifest, 'seq' | 'snapshot' | 'revision'> as ManifestName),
    object,
  )
  return { manifest, objectBytes: object.length }
}

/**
 * The backup exists. What this computer keeps of it can be rebuilt, so that not being able to is a warning, not a
 * failure: local_full, home_failed.
 */
function remember(
  session: Session,
  state: LocalState,
  memory: Memory,
  { manifest, sealed }: { manifest: Manifest; sealed: SealedStore },
): Warning[] {
  const known = layerPacks(state.cache)
  const layers = [...manifest.databases.flatMap((db) => db.layers), ...manifest.files.layers]
  const packs = new Map(layers.map((layer) => [layerKey(layer), known.get(layerKey(layer)) ?? sealed.tablePacks]))
  try {
    state.cache.write(() => {
      state.pages.commit(manifest.databases)
      state.files.commit()
      setLayerPacks(state.cache, packs)
      state.cache.setLabel({ identity: manifest.identity, revision: manifest.revision })
    })
    const newest = { seq: manifest.seq, identity: manifest.identity }
    writeMemory(session.home, session.archive, {
      ...memory,
      newest,
      headerNumber: Math.max(manifest.header.number, memory.headerNumber),
    })
    return []
  } catch (error) {
    if (error instanceof CofferError) return [{ code: error.code, detail: error.detail }]
    throw error
  }
}

/** Puts a damaged or missing header right from its copy, and the copy from the header. */
async function healHeader(session: Session): Promise<void> {
  const { destination, header, keys, headerBytes } = session
  const right = encodeHeader(header, keys)
  if (!headerBytes || !right.equals(headerBytes)) await destination.replace(headerName, right, headerBytes)
  const copy = await destination.get(previousHeaderName, { offset: 0, length: maxHeader + 1 })
  // The copy may be an older header: what matters is that it opens.
  if (isSound(copy, keys)) return
  if (copy) await destination.delete(previousHeaderName)
  await destination.replace(previousHeaderName, right, undefined)
}

function isSound(copy: Uint8Array | undefined, keys: ArchiveKeys): boolean {
  return copy !== undefined && !(proveHeader(copy, previousHeaderName, keys) instanceof CofferError)
}
