/**
 * Reading an archive to which another Coffer writes, or in which it tidies up, at the same time.
 *
 * Both change the list of snapshots before anything disappears that was in use: a backup adds one, a forget puts next
 * revisions and deletes what they replace. Whoever meets something odd and then finds that list as it was has seen the
 * archive as it is; otherwise what was met may be no more than a change, and it is read again from the new list.
 */
import { CofferError } from '../../../contract/errors.ts'
import { listManifests } from '../archive/read/read-manifests.ts'
import { isDamage } from '../archive/read/read-blob.ts'
import type { Session } from './session.ts'

/** How often it is read in all. Whatever changes more often than that is told as it was met. */
const attempts = 4

export interface Steadily<T> {
  /** May be called several times. `isSame` asks whether the list is still the one that this reading began with. */
  read: (isSame: () => Promise<boolean>) => Promise<T>
  /** Whether a result tells of something that may be due to a change; thrown damage may always be. */
  isOdd?: (result: T) => boolean
}

/** Reads until what was read is not odd, or the archive did not change meanwhile. Errors: those of `read`. */
export async function steadily<T>(session: Session, { read, isOdd = () => false }: Steadily<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const before = await listed(session)
    const isSame = async (): Promise<boolean> => (await listed(session)) === before
    try {
      const result = await read(isSame)
      if (attempt === attempts || !isOdd(result) || (await isSame())) return result
    } catch (error) {
      if (attempt === attempts || !mayBeChange(error) || (await isSame())) throw error
    }
  }
}

/** Damage, or a snapshot that was there a moment ago. */
function mayBeChange(error: unknown): boolean {
  return isDamage(error) || (error instanceof CofferError && error.code === 'no_such_snapshot')
}

async function listed(session: Session): Promise<string> {
  return (await listManifests(session)).map(({ object }) => object).join('\n')
}
