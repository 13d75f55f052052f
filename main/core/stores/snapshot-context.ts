/** What the ways of taking a snapshot need, and what they give. */
import type { PageSourceSpec } from './page-source.ts'
import type { StoreThread } from './store-thread.ts'

export interface SnapshotContext {
  thread: StoreThread
  /** Where the private copy goes, in a private folder. */
  copy: string
  signal: AbortSignal | undefined
  onBytes: (count: number) => void
  /** Waits that many ms. */
  pause: (ms: number) => Promise<void>
  now: () => Date
  /** How often a locked or changing database is tried again. */
  patience: { locked: number; changed: number }
}

export interface DatabaseAtOneMoment {
  source: PageSourceSpec
  /** Its number in the store's thread. */
  database: number
  /** True if the pages are read from the owner's own files: those stay claimed (claims.ts) until it is closed. */
  inPlace: boolean
  /** After the store's thread closed its connections. */
  close(): Promise<void>
}

/** Why an attempt gave nothing: a writer at work, or a change meanwhile. */
export type Setback = 'locked' | 'changed'
