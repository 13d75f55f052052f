/**
 * What a failing file system means for an archive: errno codes become the errors a person can act on.
 *
 * Everything that is not an error of the file system is a bug and passes through unchanged.
 */
import { CofferError, type ErrorCode } from '../../../contract/errors.ts'

/** The errno code of a file system error (`ENOSPC`), or undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** The error to throw instead of `error`, naming the object (`packs/…`, '' for the folder itself) and the reason. */
export function folderFailure(error: unknown, object: string): unknown {
  const reason = errnoOf(error)
  if (reason === undefined) return error
  return new CofferError(meanings.get(reason) ?? 'destination_failed', { object, reason }, { cause: error })
}

const meanings = new Map<string, ErrorCode>([
  ['ENOSPC', 'destination_full'],
  ['EDQUOT', 'destination_full'],
  ['EROFS', 'destination_read_only'],
  ['EACCES', 'destination_read_only'],
  ['EPERM', 'destination_read_only'],
  // ENOENT arrives here only where absence is not an answer: the archive's own folder is gone.
  ['ENOENT', 'destination_unreachable'],
  ['ENOTDIR', 'destination_unreachable'],
  ['ENODEV', 'destination_unreachable'],
  ['ENXIO', 'destination_unreachable'],
  ['ESTALE', 'destination_unreachable'],
  ['ENOTCONN', 'destination_unreachable'],
  ['ETIMEDOUT', 'destination_unreachable'],
  ['EHOSTDOWN', 'destination_unreachable'],
  ['EHOSTUNREACH', 'destination_unreachable'],
  ['ENETDOWN', 'destination_unreachable'],
  ['ENETUNREACH', 'destination_unreachable'],
  ['ECONNRESET', 'destination_unreachable'],
])
