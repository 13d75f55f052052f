/** How Coffer takes an archive that is sealed as it should be, by someone who has the key and means harm. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CofferError } from '../../contract/errors.ts'
import { restore } from '../../main/core/jobs/restore.ts'
import { verify } from '../../main/core/jobs/verify.ts'
import { fakeOpenWorkers } from '../fixtures/fake-open-worker.ts'
import { plain, quiet } from '../fixtures/job-options.ts'
import type { TinyArchive } from '../fixtures/tiny-archive.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { openTiny } from '../fixtures/tiny-session.ts'

export interface Outcome {
  /** `restored`, the error's code, or `a bug`. */
  restore: unknown
  /** What lies where it was to be restored to. */
  left: string[]
  /** What verify finds. */
  faults: string[]
}

export async function outcome(archive: TinyArchive): Promise<Outcome> {
  const session = await openTiny(archive, { workers: fakeOpenWorkers })
  const target = join(temporaryFolder(), 't')
  const restored = await restore(session, { ...plain, target }).then(
    () => 'restored',
    (error: unknown) => (error instanceof CofferError ? error.code : 'a bug'),
  )
  const { faults } = await verify(session, { ...quiet, read: true, proof: false })
  return { restore: restored, left: readdirSync(join(target, '..')), faults: faults.map(({ code }) => code) }
}
