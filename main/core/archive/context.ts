/** What reading and writing an archive needs to know of it. */
import type { ArchiveKeys } from '../keys/subkeys.ts'
import type { Destination } from '../destinations/destination.ts'
import type { ArchiveId } from './format/names.ts'
import type { TableCache } from './read/table-cache.ts'

export interface ArchiveContext {
  destination: Destination
  archive: ArchiveId
  keys: ArchiveKeys
  /** Keeps opened tables, for jobs that need the same ones again. What is in it must not be changed. */
  tables?: TableCache
}
