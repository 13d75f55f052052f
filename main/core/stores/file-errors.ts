/** What the file system's failures mean when a store or its private copy is read. */
import { CofferError } from '../../../contract/errors.ts'

/** True if an error is the operating system's, with one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
}

/** The failure as a person can meet it, or the error itself where nobody expects it. */
export function fileFailure(error: unknown, path: string): unknown {
  if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP'))
    return new CofferError('store_not_found', { path }, { cause: error })
  if (hasCode(error, 'EACCES', 'EPERM')) return new CofferError('store_no_permission', { path }, { cause: error })
  // Windows: another program keeps the file for itself.
  if (hasCode(error, 'EBUSY')) return new CofferError('store_locked', { path }, { cause: error })
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) return new CofferError('local_full', { path }, { cause: error })
  return error
}
