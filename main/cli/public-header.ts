/** What an archive says of itself to anyone: enough to look for its key. Nothing of it is believed yet. */
import { CofferError } from '../../contract/errors.ts'
import { decodeHeader, type ReadHeader } from '../core/archive/format/header.ts'
import { maxHeader } from '../core/archive/format/limits.ts'
import { headerName, previousHeaderName } from '../core/archive/format/names.ts'
import type { Destination } from '../core/destinations/destination.ts'

/**
 * The archive's header, or its second copy; undefined where both are damaged. The keychain finds the key by its id, or
 * a vault by its record, and the key then proves it.
 * Errors: not_an_archive where there is nothing of one, newer_format, destination_*.
 */
export async function publicHeader(destination: Destination): Promise<ReadHeader | undefined> {
  let found = false
  for (const name of [headerName, previousHeaderName]) {
    const bytes = await destination.get(name, { offset: 0, length: maxHeader + 1 })
    if (!bytes) continue
    found = true
    try {
      return decodeHeader(bytes, name)
    } catch (error) {
      if (!(error instanceof CofferError) || error.code === 'newer_format') throw error
    }
  }
  if (!found && !(await holdsObjects(destination)))
    throw new CofferError('not_an_archive', { place: destination.label })
  return undefined
}

async function holdsObjects(destination: Destination): Promise<boolean> {
  for (const folder of ['snapshots', 'packs'] as const) {
    for await (const { size } of destination.list(folder)) if (size > 0) return true
  }
  return false
}
