/** Changing what an archive says of itself: which vault holds its key, if any. */
import { CofferError } from '../../../contract/errors.ts'
import { encodeHeader, type VaultReference } from '../archive/format/header.ts'
import { maxHeader } from '../archive/format/limits.ts'
import { headerName, previousHeaderName } from '../archive/format/names.ts'
import { openHeader } from '../archive/read/open-header.ts'
import { healHeader } from './heal-header.ts'
import { readMemory, writeMemory } from './memory.ts'
import type { Session } from './session.ts'

/**
 * Writes the next header, with its number above every number `known`, and keeps the one before as its second copy.
 * Whatever stops it, one of the two is whole and in place. The session goes on with the new one. Errors: object_exists
 * if another program changed it at the same moment, destination_*.
 */
export async function changeHeader(
  session: Session,
  vault: VaultReference | null,
  known: readonly number[] = [],
): Promise<void> {
  const { destination, archive, keys, home } = session
  await healHeader(session)
  const { header, bytes } = await openHeader(destination, keys)
  if (!bytes || header.number !== session.header.number)
    throw new CofferError('object_exists', { object: headerName, reason: 'It was changed by another program.' })
  const memory = readMemory(home, archive)
  const number = Math.max(header.number, memory.headerNumber, ...known) + 1
  const next = encodeHeader({ ...header, number, vault }, keys)
  // The copy first: until the header itself is replaced, both say the same.
  const copy = await destination.get(previousHeaderName, { offset: 0, length: maxHeader + 1 })
  if (!copy || !Buffer.from(copy).equals(bytes)) await destination.replace(previousHeaderName, bytes, copy)
  await destination.replace(headerName, next, bytes)
  const changed = await openHeader(destination, keys)
  session.header = changed.header
  session.headerBytes = changed.bytes
  try {
    writeMemory(home, archive, { ...memory, headerNumber: number })
  } catch {
    // Read-only or full: a later rollback of the header is then noticed by the next backup's manifest only.
  }
}
