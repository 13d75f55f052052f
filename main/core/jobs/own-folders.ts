/** What is ours and may lie among someone's media. */
import { realpathSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import type { Session } from './session.ts'

/**
 * The archive and what Coffer keeps on this computer, where they are folders here. Among the media they would make
 * each backup hold all earlier ones.
 */
export function ownFolders({ destination, home }: Pick<Session, 'destination' | 'home'>): string[] {
  return [destination.label, home].flatMap((folder) => {
    if (!isAbsolute(folder)) return []
    try {
      return realpathSync(folder)
    } catch {
      return []
    }
  })
}
