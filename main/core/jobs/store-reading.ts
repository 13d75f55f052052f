/** What a backup asks of the store itself, in the store's own thread, while its pages are sealed. */
import type { MediaNames } from '../archive/local/media-names.ts'
import type { StoreSnapshot, Summary } from '../stores/store.ts'

export interface Counted {
  summary: Summary
  /** What SQLite's own check complains of. */
  complaints: string[]
}

export class StoreReading {
  /** All media that the store names are in `mediaNames`. */
  readonly named: Promise<void>
  readonly counted: Promise<Counted>
  readonly #snapshot: StoreSnapshot

  /** Begins at once. A failure is told to `onFailure`, for it must end the sealing, and again to whoever awaits. */
  constructor(
    snapshot: StoreSnapshot,
    mediaNames: MediaNames,
    { check, onFailure }: { check: boolean; onFailure: (error: unknown) => void },
  ) {
    this.#snapshot = snapshot
    this.named = keepNamedMedia(snapshot, mediaNames)
    this.counted = this.#count(check)
    this.counted.catch(onFailure)
  }

  /**
   * Lets go of the store once its databases are sealed, which the caller tells, and counted, however long the files
   * still take: its owner's log can be emptied again, and the memory a private copy lies in serves the packs to come.
   */
  databasesSealed(): void {
    // Whoever made the snapshot closes it as well, and hears there of what goes wrong.
    this.counted.then(() => this.#snapshot.close()).catch(() => undefined)
  }

  async #count(check: boolean): Promise<Counted> {
    const summary = this.#snapshot.summarise()
    // The list before the check, which takes seconds: the list is needed as soon as the files are sealed.
    const complaints = this.named.then(() => (check ? this.#snapshot.quickCheck() : []))
    const [counts, found] = await Promise.all([summary, complaints])
    return { summary: counts, complaints: found }
  }
}

async function keepNamedMedia(snapshot: StoreSnapshot, mediaNames: MediaNames): Promise<void> {
  mediaNames.begin()
  for await (const batch of snapshot.namedMedia()) mediaNames.add(batch.map(({ path }) => path))
}
