/** What reading and writing an archive needs to know of it. */
import type { ArchiveKeys } from '../keys/subkeys.ts'
import type { Destination } from '../destinations/destination.ts'
import type { ArchiveId } from './names.ts'

export interface ArchiveContext {
  destination: Destination
  archive: ArchiveId
  keys: ArchiveKeys
}
