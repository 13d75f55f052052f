/** One pass of a backup: everything of a store's snapshot that is new is sealed and uploaded, and described. */
import { CofferError, type Warning } from '../../../contract/errors.ts'
import type { Manifest } from '../archive/format/manifest.ts'
import type { LocalState } from '../archive/local/state.ts'
import { hashesAtOnce, PackLanding } from '../archive/write/pack-landing.ts'
import { DatabaseSealer, type SealedDatabase } from '../archive/write/seal-database.ts'
import { FileSealer, type SealedFiles } from '../archive/write/seal-files.ts'
import { SealPool, type SealWorker } from '../archive/write/seal-pool.ts'
import { databaseTables, fileTables } from '../archive/write/snapshot-tables.ts'
import { TableWriter } from '../archive/write/table-writer.ts'
import type { StoreSnapshot } from '../stores/store.ts'
import { ownFolders } from './own-folders.ts'
import { type OnProgress, throwIfCancelled } from './progress.ts'
import { SealProgress } from './seal-progress.ts'
import type { Session } from './session.ts'
import { StoreReading } from './store-reading.ts'
import { together } from './together.ts'

export interface SealedStore {
  summary: { chats: number; messages: number; newest: number | null }
  databases: (Manifest['databases'][number] & { changed: number })[]
  files: SealedFiles
  fileTables: Manifest['files']
  uploaded: { bytes: number; objects: number }
  /** Packs the new layers lie in. */
  tablePacks: { pack: Parameters<PackLanding['land']>[0]; size: number }[]
  warnings: Warning[]
}

export interface SealOptions {
  before: Manifest | undefined
  /** Whether the layers of `before` are all there to build upon. */
  layersIntact: boolean
  /** Just started. */
  workers: SealWorker[]
  /** SQLite's own check is run on the first backup: later it would find the same, and takes seconds. */
  firstBackup: boolean
  signal: AbortSignal
  onProgress: OnProgress
}

/** More of the same kind are only counted. */
const warningsShown = 1000

export async function sealStore(
  session: Session,
  state: LocalState,
  snapshot: StoreSnapshot,
  options: SealOptions,
): Promise<SealedStore> {
  const { before, signal, onProgress } = options
  const warnings: Warning[] = []
  const onWarning = (warning: Warning) => void (warnings.length < warningsShown && warnings.push(warning))
  const landing = new PackLanding(session, state, { together: hashesAtOnce })
  const progress = new SealProgress(snapshot, onProgress)

  const pool: SealPool = new SealPool(options.workers, {
    run: (pack, placed, pages, hashes) => databases.sealed(pack, placed, pages, hashes),
    piece: (pack, placed, hash) => files.sealed(pack, placed, hash),
    packed: (id, bytes, onTaken) => landing.land(id, bytes, onTaken),
    nextPack: () => landing.nextPack(),
  })
  const databases = new DatabaseSealer(state, pool, landing, (bytes) => progress.did(bytes))
  const files = new FileSealer({
    leaveOut: ownFolders(session),
    context: session,
    state,
    landing,
    writers: () => databases.writers,
    settle: () => pool.settle({ packs: false }),
    expect: (bytes) => {
      databases.expect(bytes)
      progress.expect(bytes)
    },
    onBytes: (bytes, item) => progress.did(bytes, item),
    onWarning,
  })
  const cancel = () => pool.fail(new CofferError('cancelled'))
  signal.addEventListener('abort', cancel)
  try {
    throwIfCancelled(signal)
    const store = new StoreReading(snapshot, state.mediaNames, {
      check: options.firstBackup,
      onFailure: (error) => pool.fail(error),
    })

    state.pages.clearPending()
    const usable = options.layersIntact ? before : undefined
    const tables = new TableWriter(
      session,
      () => landing.nextPack(),
      (id, bytes) => landing.land(id, bytes),
    )
    /** Writes the maps of databases whose packs have landed. */
    const describe = async (databases: SealedDatabases) => {
      landing.flush()
      const described = []
      for (const database of databases) {
        const entry = await databaseTables(session, state, tables, {
          ...database,
          before: usable?.databases.find(({ path }) => path === database.path),
        })
        described.push({ ...entry, changed: database.sealed.changedCount })
      }
      return described
    }
    const stop = new AbortController()
    const either = AbortSignal.any([signal, stop.signal])
    const endBoth = (error: unknown) => {
      pool.fail(error)
      stop.abort()
    }
    const [described, sealedFiles] = await together(
      [
        async () => {
          const sealed = await sealDatabases(databases, snapshot)
          store.databasesSealed()
          // The files still keep the workers busy, so the maps can be written meanwhile; but only if there is so much
          // to seal that one pack more does not matter, for maps speak of packs that have landed.
          if (!databases.manyWrite) return { later: sealed }
          await pool.settle({ packs: true })
          return { now: await describe(sealed) }
        },
        async () => {
          return await files.seal(snapshot.media, either)
        },
      ],
      endBoth,
    )
    // The last packs are on their way meanwhile.
    const countMissing = async () => {
      await store.named
      return state.mediaNames.takeMissing(state.files, either)
    }
    const [named] = await together([countMissing, () => pool.settle({ packs: true })], endBoth)
    // WhatsApp deletes old files: what it names and nobody can find is a count, not a warning.
    sealedFiles.missing += named
    throwIfCancelled(signal)
    const buffer = pool.spareBuffer()
    await pool.close()
    tables.lend(buffer)
    const describedDatabases = described.now ?? (await describe(described.later))
    landing.flush()
    const list = await fileTables(session, state, tables, usable?.files)
    await tables.finish()
    landing.flush()
    landing.dropUnused()
    const { summary, complaints } = await store.counted
    throwIfCancelled(signal)
    for (const reason of complaints.slice(0, 3)) onWarning({ code: 'store_check_failed', detail: { reason } })
    return {
      summary: { chats: summary.chats, messages: summary.messages, newest: summary.newest?.getTime() ?? null },
      databases: describedDatabases.map((it) => ({ ...it, layers: it.layers() })),
      files: sealedFiles,
      fileTables: { ...list, layers: list.layers() },
      uploaded: { bytes: landing.uploaded, objects: landing.landed.size },
      tablePacks: tables.packs.map(({ id, size }) => ({ pack: id, size })),
      warnings,
    }
  } catch (error) {
    await pool.close()
    rememberLanded(landing)
    throw error
  } finally {
    signal.removeEventListener('abort', cancel)
    await pool.close()
  }
}

type SealedDatabases = { path: string; pageSize: number; pages: number; sealed: SealedDatabase }[]

async function sealDatabases(databases: DatabaseSealer, snapshot: StoreSnapshot): Promise<SealedDatabases> {
  const all: SealedDatabases = []
  for (const { path, source } of snapshot.databases) {
    const sealed = await databases.seal(path, source)
    all.push({ path, pageSize: source.pageSize, pages: source.pageCount, sealed })
  }
  return all
}

/** After a failure what has landed is noted, so that the next run need not read it from the packs themselves. */
function rememberLanded(landing: PackLanding): void {
  try {
    landing.flush()
  } catch {
    // The disk of this computer may be what failed; the next run asks the packs.
  }
}
