/** A whole store at one moment: its databases, its media folders, and a thread that counts. */
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { CofferError, type Warning } from '../../../contract/errors.ts'
import type { OnProgress } from '../jobs/progress.ts'
import { findMedia, mediaPrefix } from './media-folders.ts'
import { makePrivateFolder, removePrivateFolder } from './private-folder.ts'
import { kindNamed } from './registry.ts'
import type { DatabaseAtOneMoment } from './snapshot-context.ts'
import { snapshotDatabase } from './snapshot-database.ts'
import type { DatabaseSnapshot, StoreSnapshot } from './store.ts'
import { StoreThread } from './store-thread.ts'

export interface TakeOptions {
  /** The database, absolute, without links. */
  path: string
  /** Its name in the archive. */
  name: string
  /** Media folders the person named. */
  media: readonly string[]
  /** Where private folders are made. */
  tmp: string
  signal?: AbortSignal | undefined
  onProgress?: OnProgress | undefined
  patience: { locked: number; changed: number }
}

export async function takeSnapshot(options: TakeOptions): Promise<StoreSnapshot> {
  const { path, name } = options
  const taking = new Taking(await makePrivateFolder(options.tmp), options)
  try {
    const main = await taking.database(path)
    const { kind: kindName, newerThan } = await taking.thread.ask('recognise', { database: main.database })
    // Where things lie does not change with a messenger's tables: its media and companions belong to the backup also
    // when its messages cannot be counted any more.
    const kind = kindNamed(newerThan ?? kindName)
    const warnings: Warning[] =
      newerThan === undefined ? [] : [{ code: 'cannot_be_browsed', detail: { path, kind: newerThan } }]
    const databases: DatabaseSnapshot[] = [{ path: name, source: main.source }]
    for (const companion of kind.companions) {
      const source = await taking.companion(join(dirname(path), companion), warnings)
      if (source) databases.push({ path: companion, source })
    }
    const media = await findMedia({
      kind,
      database: path,
      given: options.media,
      taken: databases.map((database) => database.path),
    })
    const prefix = await mediaPrefix(kind, media)
    const about = { database: main.database, kind: kindName }
    return {
      kind: kindName,
      databases,
      media,
      warnings,
      summarise: () =>
        orWarn(taking.thread.ask('summarise', about), { chats: 0, messages: 0, newest: null }, warnings, path),
      async *namedMedia() {
        for (;;) {
          const batch = await orWarn(taking.thread.ask('nextNamedMedia', about), [], warnings, path)
          if (batch.length === 0) return
          yield batch.map((file) => ({ ...file, path: prefix(file.path) }))
        }
      },
      quickCheck: () => taking.quickCheck(),
      close: () => taking.close(),
    }
  } catch (error) {
    await taking.close()
    throw error
  }
}

/** What a snapshot holds open, and how it lets go. */
class Taking {
  readonly thread = new StoreThread()
  readonly #folder: string
  readonly #options: TakeOptions
  readonly #taken: DatabaseAtOneMoment[] = []
  #copied = 0
  #closed: Promise<void> | undefined

  constructor(folder: string, options: TakeOptions) {
    this.#folder = folder
    this.#options = options
  }

  async database(path: string): Promise<DatabaseAtOneMoment> {
    const { signal, onProgress, patience } = this.#options
    const taken = await snapshotDatabase(path, {
      thread: this.thread,
      copy: join(this.#folder, `${this.#taken.length}.db`),
      signal,
      patience,
      onBytes: (count) => {
        if (signal?.aborted) throw new CofferError('cancelled')
        this.#copied += count
        onProgress?.({ phase: 'snapshot', done: this.#copied, total: 0, item: basename(path) })
      },
      pause: async (ms) => {
        if (ms > 0) await setTimeout(ms)
      },
      now: () => new Date(),
    })
    this.#taken.push(taken)
    return taken
  }

  /** A second database of the store: one that cannot be read is left out with a warning, for the messages are elsewhere. */
  async companion(path: string, warnings: Warning[]): Promise<DatabaseSnapshot['source'] | undefined> {
    if (!(await stat(path).catch(() => undefined))?.isFile()) return undefined
    try {
      return (await this.database(path)).source
    } catch (error) {
      if (!(error instanceof CofferError) || error.code === 'cancelled' || error.code === 'local_full') throw error
      warnings.push({ code: 'file_unreadable', detail: { path, why: error.code } })
      return undefined
    }
  }

  async quickCheck(): Promise<string[]> {
    const lines: string[] = []
    for (const { database } of this.#taken) lines.push(...(await this.thread.ask('quickCheck', { database })))
    return lines
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  async #close(): Promise<void> {
    // Connections first, then the descriptors under them, then the copies.
    await this.thread.close()
    for (const database of this.#taken) await database.close()
    await removePrivateFolder(this.#folder)
  }
}

/** A database that is damaged, or not quite what it seemed, is backed up all the same: what cannot be read of it is a warning. */
async function orWarn<T>(answer: Promise<T>, otherwise: T, warnings: Warning[], path: string): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof CofferError) || (error.code !== 'store_corrupt' && error.code !== 'cannot_be_browsed'))
      throw error
    const code = error.code === 'store_corrupt' ? 'store_check_failed' : error.code
    if (!warnings.some((warning) => warning.code === code)) warnings.push({ code, detail: { path } })
    return otherwise
  }
}
