/**
 * A kind of message store: one file that implements this, one line in registry.ts.
 *
 * Everything that takes a `Database` runs in the store's own thread, read-only, on a snapshot. Databases are
 * hostile: no column is trusted to hold the type its schema promises.
 */
import type { Database } from 'better-sqlite3'
import type { StoreKindName, Summary } from './store.ts'

/** The computer that is searched: passed in, so that tests need not be on it. */
export interface Machine {
  /** The person's home folder, absolute. */
  home: string
  platform: NodeJS.Platform
  env: Readonly<Record<string, string | undefined>>
}

/** The tables of a database and their columns; names are compared exactly. */
export interface Schema {
  /** True if there is such a table and it has all these columns. */
  has(table: string, ...columns: string[]): boolean
}

/** A media file that a store names. */
export interface NamedMedia {
  /** `/`-separated, the first component being the kind's `mediaRoot` where that can be told. */
  path: string
  /** Bytes, as the store says; 0 if it does not. */
  bytes: number
}

export interface StoreKind {
  readonly name: StoreKindName
  /** For people. */
  readonly label: string
  /** The database's usual file names, for finding it in a folder that someone points at. */
  readonly fileNames: readonly string[]
  /** Other databases of the store that may lie beside it. */
  readonly companions: readonly string[]
  /** The first component of every path that `namedMedia` can place; '' if the store names no media. */
  readonly mediaRoot: string

  /** Where such a store usually lies on this computer, absolute, best first; whether it is there is the caller's affair. */
  usualPaths(machine: Machine): string[]
  /** Folders, absolute, where media of the database at this path may lie; the caller takes those that exist. */
  mediaFolders(database: string): string[]
  /** Tables that tell a store of this kind even when a newer version has changed what `recognise` asks for. */
  readonly tables: readonly string[]

  /** By tables and columns, never by file name. */
  recognise(schema: Schema): boolean
  /** Counts and the newest message's time. */
  summarise(db: Database, schema: Schema): Summary
  /** Every media file the store names, once per mention. */
  namedMedia(db: Database, schema: Schema): Iterable<NamedMedia>
}
