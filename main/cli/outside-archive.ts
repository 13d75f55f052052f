/** The archive goes to a disk or a cloud that nobody trusts; its key must not go with it. */
import { realpath } from 'node:fs/promises'
import { dirname, isAbsolute, relative, sep } from 'node:path'
import { CofferError } from '../../contract/errors.ts'

/**
 * Refuses (usage) a file that would lie in the archive's folder or below it, links followed. `file` need not exist,
 * its folder must (file_failed).
 */
export async function requireOutsideArchive(archive: string, file: string): Promise<void> {
  const folder = await realpath(dirname(file)).catch((error: unknown) => {
    throw new CofferError('file_failed', { path: file }, { cause: error })
  })
  const way = relative(await realpath(archive), folder)
  const outside = way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)
  if (!outside)
    throw new CofferError('usage', {
      reason: 'The key must not lie inside the archive that it opens. Choose another place for it.',
    })
}
