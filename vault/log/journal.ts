/**
 * The one way in which records change. Requests that come while one group is being committed form the next, so that
 * what a durable commit costs is shared by all who wait for it:
 *
 *   read and verify -> decide each -> seal -> one durable commit -> anchor -> only then answer, or evaluate
 *
 * Whoever's promise resolves can rely on it: the change is durable, and an older database put in this one's place
 * would be noticed.
 */
import type { Keystore } from '../keystore/keystore.ts'
import type { Transition } from '../service/transition.ts'
import { type Changes, maxEntries, type Seen, type Storage } from '../store/storage.ts'
import { follow, headPreimage, LogBroken, type Position, type VerifyHead } from './chain.ts'
import { type Decided, decideGroup, type GroupOutcome, type Request } from './group.ts'
import { adopt, Behind, type Reading, readOn, type View } from './reading.ts'
import { rebuild } from './rebuild.ts'

/** A request's outcome, durable and anchored. */
export interface Settled<T> extends Decided<T> {
  /** The database's clock, ms since 1970. */
  now: number
  /** Where the log stood then. */
  position: Position
}

/** Nothing can be answered now. `charged`: a guess may have been used all the same. */
export class Unavailable extends Error {
  readonly charged: boolean
  constructor(message: string, { charged, cause }: { charged: boolean; cause?: unknown }) {
    super(message, { cause })
    this.charged = charged
  }
}

/** Requests in one group. More would make each wait longer than sharing a commit saves. */
const maxGroup = 128

interface Waiting extends Request<unknown> {
  resolve: (settled: Settled<unknown>) => void
  reject: (error: unknown) => void
}

export interface JournalParts {
  storage: Storage
  keystore: Keystore
  verifyHead: VerifyHead
  /** What the node knows, from `rebuild`. */
  view: View
  /** Told what an operator should know: never with whole ids. */
  onTrouble: (error: Error) => void
  /** Told how many records a group has destroyed. */
  onDestroyed?: ((count: number) => void) | undefined
}

export class Journal {
  private readonly parts: JournalParts
  private queue: Waiting[] = []
  private running: Promise<void> | undefined
  private broken: LogBroken | undefined
  /** False from a commit until it is anchored. */
  private anchored = true
  /** False while the view holds what was read outside a group, and nothing has been committed upon it yet. */
  private confirmed = false
  constructor(parts: JournalParts) {
    this.parts = parts
  }

  get view(): Readonly<View> {
    return this.parts.view
  }

  /** Why this node will not answer any more; undefined while it does. */
  get brokenBy(): Error | undefined {
    return this.broken
  }

  /** Runs a transition on a record. Unavailable; and when its row is not as the log knows it, that too. */
  submit<T>(rid: Buffer, transition: Transition<T>, notes: readonly string[] = []): Promise<Settled<T>> {
    return new Promise<Settled<T>>((resolve, reject) => {
      // The queue holds requests of many types; each gets back what its own transition gave.
      this.queue.push({ rid, transition, notes, resolve: resolve as Waiting['resolve'], reject })
      this.running ??= this.run().finally(() => {
        this.running = undefined
      })
    })
  }

  /** From the next group on everything is sealed under this epoch's key, by every node. Unavailable. */
  async sealWith(epoch: number): Promise<void> {
    await this.idle()
    const { storage, keystore, view, verifyHead } = this.parts
    const wanted = { rids: [], after: view.position.place, notes: [] }
    const { head, entries } = await storage.group(wanted, async (seen) => {
      const reading = readOn(view, seen, verifyHead)
      const bare = { ...reading.position, epoch: Math.max(epoch, reading.epoch) }
      const head = { ...bare, signature: Buffer.from(await keystore.sign(headPreimage(bare))) }
      const nothing = { entries: [], rows: [], receipts: [], notes: new Map<string, Buffer | null>() }
      return { value: { head, entries: reading.entries }, changes: { head, ...nothing } }
    })
    adopt(view, entries, head)
  }

  /**
   * Makes durable and anchors what `rebuild` has read: where several sites are, it may have been shown what only one of
   * them has. LogBroken, StorageUnavailable, KeystoreUnavailable. Call before anything is submitted.
   */
  async confirm(): Promise<void> {
    try {
      await this.group([])
      if (this.parts.view.position.place > 0) await this.anchor({ charged: false })
    } catch (error) {
      throw error instanceof Unavailable ? error.cause : error
    }
  }

  /** Resolves when nothing is being committed. */
  async idle(): Promise<void> {
    while (this.running) await this.running
  }

  private async run(): Promise<void> {
    while (this.queue.length > 0) {
      // What arrives in this turn of the event loop still belongs to the group.
      await new Promise((done) => setImmediate(done))
      const requests = this.queue.splice(0, maxGroup)
      try {
        await this.commit(requests)
      } catch (error) {
        for (const { reject } of requests) reject(error)
      }
    }
  }

  private async commit(requests: readonly Waiting[]): Promise<void> {
    if (this.broken) throw new Unavailable(this.broken.message, { charged: false, cause: this.broken })
    await this.ensureAnchored()
    const { outcome, now } = await this.group(requests)
    const { changes, results, destroyed } = outcome
    if (!this.anchored) await this.anchor({ charged: changes !== undefined })
    const { position } = this.parts.view
    for (const [at, { resolve, reject }] of requests.entries()) {
      const result = results[at]
      if (result && 'decided' in result) resolve({ ...result.decided, now, position })
      else {
        const refused = result?.refused ?? new Error('a request was not decided')
        this.parts.onTrouble(refused)
        reject(new Unavailable(refused.message, { charged: false, cause: refused }))
      }
    }
    const receipts = results.flatMap((it) => ('decided' in it ? it.decided.receipts : []))
    const ended = receipts.filter(({ kind }) => kind === 'destroyed').length
    if (ended > 0) this.parts.onDestroyed?.(ended)
    // Not waited for: the record is unreadable already, its old bytes only should not lie about.
    if (destroyed) this.parts.storage.scrub().catch((error: unknown) => this.parts.onTrouble(asError(error)))
  }

  private async group(requests: readonly Waiting[]): Promise<{ outcome: GroupOutcome; now: number }> {
    const { storage, keystore, view, verifyHead } = this.parts
    const wanted = {
      rids: [...new Map(requests.map(({ rid }) => [rid.toString('hex'), rid])).values()],
      after: view.position.place,
      notes: [...new Set(requests.flatMap(({ notes }) => notes))],
    }
    for (;;) {
      let decided = false
      try {
        const committed = await storage.group(wanted, async (seen) => {
          const reading = readOn(view, seen, verifyHead)
          const outcome = await decideGroup(requests, { seen, reading, keystore })
          decided = outcome.changes !== undefined
          const changes = outcome.changes ?? standing(seen, reading, { confirmed: this.confirmed })
          const value = { outcome, now: seen.now, entries: reading.entries, epoch: reading.epoch, changes }
          return changes ? { value, changes } : { value }
        })
        const { changes } = committed
        if (changes) {
          adopt(view, [...committed.entries, ...changes.entries], changes.head)
          this.anchored = false
          this.confirmed = true
        }
        // Signed, and it only rises: safe to take over without a commit.
        else view.epoch = Math.max(view.epoch, committed.epoch)
        return committed
      } catch (error) {
        if (error instanceof Behind) {
          await this.catchUp()
          wanted.after = view.position.place
          continue
        }
        throw this.refusal(error, { charged: decided })
      }
    }
  }

  /** A commit that is not anchored could be undone unnoticed: nothing more is charged until one is. */
  private async ensureAnchored(): Promise<void> {
    if (!this.anchored) await this.anchor({ charged: false })
  }

  private async anchor({ charged }: { charged: boolean }): Promise<void> {
    try {
      await this.parts.keystore.writeAnchor(this.parts.view.position)
      this.anchored = true
    } catch (error) {
      throw new Unavailable(asError(error).message, { charged, cause: error })
    }
  }

  private async catchUp(): Promise<void> {
    const { storage, view } = this.parts
    this.confirmed = false
    try {
      const head = await storage.head()
      // Not to the end: the last ones are read inside a group, where they are judged.
      const target = (head?.place ?? 0) - maxEntries / 2
      do {
        const limit = Math.max(1, Math.min(maxEntries, target - view.position.place))
        const entries = await storage.log(view.position.place, limit)
        // A checkpoint of another node's stands in for what is missing.
        if (entries[0]?.place !== view.position.place + 1) return await this.startAnew()
        for (const entry of entries) {
          view.position = follow(view.position, entry)
          view.known.set(entry)
        }
      } while (view.position.place < target)
    } catch (error) {
      throw this.refusal(error, { charged: false })
    }
  }

  /** Learns all of the log again, through this node's own position or past it. */
  private async startAnew(): Promise<void> {
    const { view } = this.parts
    const position = { ...view.position }
    Object.assign(view, await rebuild(this.parts, [{ from: 'this node', position }]))
  }

  private refusal(error: unknown, { charged }: { charged: boolean }): Unavailable {
    if (error instanceof LogBroken) this.stop(error)
    return new Unavailable(asError(error).message, { charged, cause: error })
  }

  private stop(error: LogBroken): void {
    this.broken = error
    this.parts.onTrouble(error)
  }
}

/**
 * What a group writes that changes nothing and has read what this node has not committed itself: the head, as it is.
 * Another's commit may have been shown before its quorum had it, and this node's anchor does not know it yet; an answer
 * that relies on it (the same guess again, free of charge) has to wait for both, as one that relies on a change does.
 */
function standing(seen: Seen, reading: Reading, { confirmed }: { confirmed: boolean }): Changes | undefined {
  if (!seen.head || (reading.entries.length === 0 && confirmed)) return undefined
  return { head: seen.head, entries: [], rows: [], receipts: [], notes: new Map() }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
