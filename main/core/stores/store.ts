/**
 * What the archive needs to know of a message store. A kind of store is one file that implements `StoreKind` and
 * one line in registry.ts.
 */
import type { Warning } from '../../../contract/errors.ts'
import type { PageSourceSpec } from './page-source.ts'

export type StoreKindName = 'whatsapp-android' | 'whatsapp-apple' | 'imessage' | 'beeper' | 'sqlite'

/** What a store holds. `newest` is the time of the newest message; `sqlite` stores have no counts: zeros and null. */
export interface Summary {
  chats: number
  messages: number
  newest: Date | null
}

/** One database of a store at one moment. */
export interface DatabaseSnapshot {
  /** Its name at the root of the archive, for instance `msgstore.db`. */
  path: string
  source: PageSourceSpec
}

/** A folder of media that belongs to a store. */
export interface MediaFolder {
  /** The folder's own name in the archive: one path component. */
  name: string
  /** Where it is now, absolute. */
  folder: string
}

/**
 * A store at one moment: what it gives stays the same until it is closed, whatever the owner's program does. Media are
 * only named: their files are looked at where they are, also after it was closed.
 */
export interface StoreSnapshot {
  kind: StoreKindName
  databases: DatabaseSnapshot[]
  media: MediaFolder[]
  warnings: Warning[]
  /** Counts, read in a thread of their own from this snapshot. */
  summarise(): Promise<Summary>
  /**
   * Paths of media files the store names, as paths inside the archive where that can be told (`Media/…`), in
   * batches; for counting those that are missing. Read in a thread of its own.
   */
  namedMedia(): AsyncIterable<{ path: string; bytes: number }[]>
  /** SQLite's quick_check of every database; the lines it complains with, none if all is well. Seconds per gigabyte. */
  quickCheck(): Promise<string[]>
  /** Releases locks, closes descriptors, removes the private copy. Must be called; safe to call twice. */
  close(): Promise<void>
}

/** What `coffer inspect` prints. */
export interface Inspection {
  kind: StoreKindName
  chats: number
  messages: number
  newest: Date | null
  media: { files: number; bytes: number }
  databases: { path: string; pageSize: number; pages: number }[]
}
