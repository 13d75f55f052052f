/** Both copies of the header: each must be whole, of this archive, and not older than what is known. */
import { CofferError } from '../../../../contract/errors.ts'
import { checkHeaderMac, checkKey, decodeHeader } from '../../archive/format/header.ts'
import { maxHeader } from '../../archive/format/limits.ts'
import { headerName, previousHeaderName } from '../../archive/format/names.ts'
import type { Session } from '../session.ts'
import type { Faults } from './faults.ts'

/** Adds header_missing, header_altered, newer_format and header_rolled_back. */
export async function verifyHeaders(session: Session, faults: Faults): Promise<void> {
  const number = await verifyHeader(session, headerName, faults)
  const previous = await verifyHeader(session, previousHeaderName, faults)
  // A header replaces its copy's number by a higher one: the other way round an old one was put back.
  if (number !== undefined && previous !== undefined && number < previous)
    faults.add('header_rolled_back', headerName, { number, known: previous })
}

async function verifyHeader(session: Session, object: string, faults: Faults): Promise<number | undefined> {
  const bytes = await session.destination.get(object, { offset: 0, length: maxHeader + 1 })
  if (!bytes) {
    faults.add('header_missing', object)
    return undefined
  }
  try {
    const header = decodeHeader(bytes, object)
    if (header.archive !== session.archive)
      throw new CofferError('header_altered', { object, reason: 'it is another archive’s' })
    checkKey(header, session.keys)
    checkHeaderMac(header, session.keys, object)
    return header.number
  } catch (error) {
    if (!(error instanceof CofferError)) throw error
    // The key is right, or there would be no session: so it is this header that is not.
    if (error.code === 'wrong_key') faults.add('header_altered', object, { reason: 'it is another archive’s' })
    else faults.caught(error, object)
    return undefined
  }
}
