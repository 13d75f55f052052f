/** What the store's thread can be asked to do: the messages between store-thread.ts and store-worker.ts. */
import type { Detail, ErrorCode } from '../../../contract/errors.ts'
import type { Verdict } from './guard.ts'
import type { NamedMedia } from './kind.ts'
import type { Descriptors, Pinned } from './pin.ts'
import type { StoreKindName, Summary } from './store.ts'

export interface StoreWork {
  /** Takes the shared lock, without opening a log (guard.ts), and keeps it until `unguard` unless the verdict is busy or hot. */
  guard: { input: { path: string }; output: Verdict }
  unguard: { input: null; output: null }
  /** Begins a read transaction on the owner's own database in write-ahead mode (pin.ts). */
  pin: {
    input: { path: string; pageSize: number; files: Descriptors }
    output: { database: number; pages: Pinned['pages'] } | 'gone' | 'busy'
  }
  /**
   * Copies a pinned database with SQLite's backup, in small steps, and reads from the copy from now on. Ends early
   * with `cancelled` once `stop` holds something else than 0.
   */
  backup: { input: { database: number; to: string; stop: SharedArrayBuffer }; output: { pages: number } }
  /** Opens a private copy read-only. With `recover`, SQLite first brings in what lies in its -wal or -journal. */
  openCopy: { input: { path: string; recover: boolean }; output: { database: number } }
  /** Tells the kind of the store whose messages this database holds, or which one it would be if it were not newer. */
  recognise: { input: { database: number }; output: { kind: StoreKindName; newerThan: StoreKindName | undefined } }
  summarise: { input: { database: number; kind: StoreKindName }; output: Summary }
  /** The next media files named, at most 1,000; an empty list is the end. */
  nextNamedMedia: { input: { database: number; kind: StoreKindName }; output: NamedMedia[] }
  /** The lines quick_check complains with; at most 100. */
  quickCheck: { input: { database: number }; output: string[] }
  /** Closes every connection. */
  closeAll: { input: null; output: null }
}

export type StoreOperation = keyof StoreWork

export interface StoreRequest {
  id: number
  operation: StoreOperation
  input: unknown
}

export type StoreReply =
  | { id: number; ok: true; value: unknown }
  | { id: number; ok: false; code: ErrorCode; detail: Detail }
  /** A bug, or a failure nobody expected. */
  | { id: number; ok: false; code: null; message: string }
