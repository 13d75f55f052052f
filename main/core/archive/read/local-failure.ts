/** What a refusal of this computer's own file system means to a person. */
import { CofferError } from '../../../../contract/errors.ts'

const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** local_full or target_failed, naming the path if there is one; anything but a refusal of the system is returned as it is. */
export function localFailure(error: unknown, path?: string): unknown {
  if (
    error instanceof CofferError ||
    typeof error !== 'object' ||
    error === null ||
    !('code' in error) ||
    typeof error.code !== 'string'
  )
    return error
  const detail = { reason: error.code, ...(path === undefined ? {} : { path }) }
  return new CofferError(full.has(error.code) ? 'local_full' : 'target_failed', detail, { cause: error })
}
