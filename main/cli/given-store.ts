/** Opening the message store that a person names. */
import { join } from 'node:path'
import { openStore, type Store } from '../core/stores/open-store.ts'
import { sweepPrivateCopies } from '../core/stores/private-folder.ts'
import { givenPath } from './given-path.ts'
import type { Desk } from './perform.ts'

/**
 * The store at `path`, with folders of media that belong to it. Removes first what a run that was killed left behind:
 * private copies hold messages in the clear. Errors: usage for an empty path, and those of openStore.
 */
export async function givenStore({ world, home }: Desk, path: string, media: readonly string[] = []): Promise<Store> {
  const place = givenPath(world, path)
  const folders = media.map((folder) => givenPath(world, folder))
  const tmp = join(home, 'tmp')
  await sweepPrivateCopies(tmp)
  return await openStore({ path: place, media: folders, tmp })
}
