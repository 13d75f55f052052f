/**
 * Names of objects as destinations see them: `coffer.json`, `packs/<name>`; one folder deep at most.
 */
import { CofferError } from '../../../contract/errors.ts'
import type { Folder } from './destination.ts'

/** The archive's folders in the order they are tidied. */
export const folders: readonly Folder[] = ['', 'packs', 'snapshots', 'locks']

/**
 * Splits a name, refusing anything that could leave the archive's folder or mean an unfinished upload: a listing
 * comes from a place that is not trusted, so a name that has been there and back is checked again.
 * Throws destination_failed with the reason `name`.
 */
export function splitName(name: string): { folder: Folder; file: string } {
  const slash = name.indexOf('/')
  const folder = folders.find((known) => known === (slash < 0 ? '' : name.slice(0, slash)))
  const file = name.slice(slash + 1)
  if (folder === undefined || slash === 0 || !plainFile.test(file)) {
    throw new CofferError('destination_failed', { object: name, reason: 'name' })
  }
  return { folder, file }
}

/** No separators of any system, no leading dot, no control characters, short enough for a part file's name beside it. */
const plainFile = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/
