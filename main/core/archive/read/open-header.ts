/** Finding an archive's header and proving it with the key; its second copy stands in for a damaged first. */
import { CofferError, type Warning } from '../../../../contract/errors.ts'
import type { Destination } from '../../destinations/destination.ts'
import type { ArchiveKeys } from '../../keys/subkeys.ts'
import { checkHeaderMac, checkKey, decodeHeader, type ReadHeader } from '../format/header.ts'
import { maxHeader } from '../format/limits.ts'
import { headerName, previousHeaderName } from '../format/names.ts'

export interface OpenedHeader {
  header: ReadHeader
  /** The exact bytes of coffer.json now, for replacing it; undefined when it is gone. */
  bytes: Uint8Array | undefined
  warnings: Warning[]
}

/**
 * Reads coffer.json, and checks key and MAC. Downloads nothing else.
 * Errors: not_an_archive, header_missing, header_altered, newer_format, wrong_key.
 */
export async function openHeader(destination: Destination, keys: ArchiveKeys): Promise<OpenedHeader> {
  const bytes = await destination.get(headerName, { offset: 0, length: maxHeader + 1 })
  const first = proveHeader(bytes, headerName, keys)
  if (!(first instanceof CofferError)) return { header: first, bytes, warnings: [] }

  const copy = await destination.get(previousHeaderName, { offset: 0, length: maxHeader + 1 })
  const second = proveHeader(copy, previousHeaderName, keys)
  if (!(second instanceof CofferError)) {
    const warning: Warning = { code: 'copy_used', detail: { object: headerName, reason: first.code } }
    return { header: second, bytes, warnings: [warning] }
  }
  // A wrong key is the likeliest cause whenever either copy says so: an altered header would not know this key.
  if (first.code === 'wrong_key' || second.code === 'wrong_key') throw new CofferError('wrong_key')
  if (bytes) throw first
  throw (await holdsObjects(destination)) ? first : new CofferError('not_an_archive', { place: destination.label })
}

/** One copy of the header, proven by the key; what is wrong with it otherwise. */
export function proveHeader(
  bytes: Uint8Array | undefined,
  object: string,
  keys: ArchiveKeys,
): ReadHeader | CofferError {
  if (!bytes) return new CofferError('header_missing', { object })
  try {
    const header = decodeHeader(bytes, object)
    checkKey(header, keys)
    checkHeaderMac(header, keys, object)
    return header
  } catch (error) {
    if (error instanceof CofferError) return error
    throw error
  }
}

async function holdsObjects(destination: Destination): Promise<boolean> {
  for (const folder of ['snapshots', 'packs'] as const)
    for await (const object of destination.list(folder)) if (object.name) return true
  return false
}
