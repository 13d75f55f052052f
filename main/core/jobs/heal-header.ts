/** Keeping both copies of an archive's header sound. */
import { CofferError } from '../../../contract/errors.ts'
import { encodeHeader } from '../archive/format/header.ts'
import { maxHeader } from '../archive/format/limits.ts'
import { headerName, previousHeaderName } from '../archive/format/names.ts'
import { proveHeader } from '../archive/read/open-header.ts'
import type { ArchiveKeys } from '../keys/subkeys.ts'
import type { Session } from './session.ts'

/** Puts a damaged or missing header right from its copy, and the copy from the header. */
export async function healHeader(session: Session): Promise<void> {
  const { destination, header, keys, headerBytes } = session
  const right = encodeHeader(header, keys)
  if (!headerBytes || !right.equals(headerBytes)) await destination.replace(headerName, right, headerBytes)
  const copy = await destination.get(previousHeaderName, { offset: 0, length: maxHeader + 1 })
  // The copy may be an older header: what matters is that it opens.
  if (isSound(copy, keys)) return
  if (copy) await destination.delete(previousHeaderName)
  await destination.replace(previousHeaderName, right, undefined)
}

function isSound(copy: Uint8Array | undefined, keys: ArchiveKeys): boolean {
  return copy !== undefined && !(proveHeader(copy, previousHeaderName, keys) instanceof CofferError)
}
