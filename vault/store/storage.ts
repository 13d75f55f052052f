/**
 * Where the vault's records live (docs/VAULT.md, "Storage engines"). An engine keeps bytes; what they mean, whether they
 * are genuine and whether they are the newest is decided above it (vault/log), so that an engine which is lied to, or
 * lies, cannot give anybody a guess. One file per engine, one line in open-storage.ts; each passes
 * test/unit/vault/storage-conformance.ts.
 */

/** One record as it is kept. */
export interface StoredRow {
  /** 32 bytes. */
  rid: Buffer
  /** When the sweeper has to look at it, ms since 1970; null for never. */
  touchAt: number | null
  bytes: Buffer
}

/** One change of one record, in the order of the log. Places count from 1 without gaps. */
export interface LogEntry {
  place: number
  rid: Buffer
  counter: number
  /** Of the row after the change: 32 bytes. */
  digest: Buffer
}

/** Where the log stands after a group. There is one, and each group replaces it. */
export interface StoredHead {
  place: number
  /** Over the whole chain: 32 bytes. */
  hash: Buffer
  /** Under which key everything is sealed from now on. */
  epoch: number
  /** The vault's signature over all of this: 64 bytes. */
  signature: Buffer
}

export interface StoredReceipt {
  rid: Buffer
  number: number
  bytes: Buffer
}

/** What a group sees, all of one moment, while no other group of any node runs. */
export interface Seen {
  head: StoredHead | undefined
  /** The database's clock, ms since 1970. */
  now: number
  /** By rid in hex; absent where there is no row. */
  rows: ReadonlyMap<string, StoredRow>
  /** Those after the place asked for, without gaps, at most `maxEntries`. */
  entries: readonly LogEntry[]
  /** Of the names asked for, those that there are. */
  notes: ReadonlyMap<string, Buffer>
}

/** What a group writes: all of it or nothing. */
export interface Changes {
  head: StoredHead
  entries: readonly LogEntry[]
  rows: readonly StoredRow[]
  receipts: readonly StoredReceipt[]
  /** Small values by name: invites, where the checkpoint is. Null removes. */
  notes: ReadonlyMap<string, Buffer | null>
}

export interface Wanted {
  rids: readonly Buffer[]
  /** Log entries after this place. */
  after: number
  notes: readonly string[]
}

/** How many log entries one group reads at most; a node further behind catches up with `log` first. */
export const maxEntries = 10_000

export interface Storage {
  /** `sqlite` or `postgres`, for status and metrics. */
  readonly engine: string
  /**
   * Runs `decide` alone: no other group of any node reads or writes between what it sees and what it writes. When it
   * gives changes, they are durable (fsync; a quorum of sites) before this resolves with `value`; without changes
   * nothing is written. If `decide` throws, nothing is written and its error comes out.
   * StorageUnavailable: nothing was written, or nobody can tell; the caller evaluates nothing and reads anew.
   */
  group<T>(wanted: Wanted, decide: (seen: Seen) => Promise<{ value: T; changes?: Changes }>): Promise<T>
  /** Entries after a place, at most `limit`, rising. Seen without the lock: only for catching up. */
  log(after: number, limit: number): Promise<LogEntry[]>
  head(): Promise<StoredHead | undefined>
  /** Receipts with numbers above `after`, at most `limit`, rising. */
  receipts(rid: Buffer, after: number, limit: number): Promise<StoredReceipt[]>
  /** Records whose time to be looked at has come, by the database's clock, the longest waiting first. */
  due(limit: number): Promise<Buffer[]>
  /** Rows in the order of their ids, after one (undefined: from the start). */
  rows(after: Buffer | undefined, limit: number): Promise<StoredRow[]>
  note(name: string): Promise<Buffer | undefined>
  /** The latest checkpoint's parts replace those before: all or nothing. Log entries below `keepFrom` may go. */
  putCheckpoint(place: number, parts: AsyncIterable<Buffer>, keepFrom: number): Promise<void>
  /** Parts of the latest checkpoint in order, and its place; undefined where there is none. */
  checkpoint(): Promise<{ place: number; parts: AsyncIterable<Buffer> } | undefined>
  /** After a destruction: as much as the engine can do so that overwritten bytes lie nowhere any more. */
  scrub(): Promise<void>
  /** Resolves when a group could commit now. StorageUnavailable otherwise, with the reason. */
  ready(): Promise<void>
  close(): Promise<void>
}

/** No answer, no quorum, disk full, no primary: refuse, evaluate nothing, try again later. */
export class StorageUnavailable extends Error {}

/** The storage is not one that the vault may run on: wrong settings, a foreign schema. The node does not start. */
export class StorageUnfit extends Error {}
