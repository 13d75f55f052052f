/** The strictest check there is: everything comes back to a private place, is compared, and goes away again. */
import { join } from 'node:path'
import type { Manifest } from '../../archive/format/manifest.ts'
import { isDamage } from '../../archive/read/read-blob.ts'
import { archiveFolder } from '../memory.ts'
import { type OnProgress, throwIfCancelled } from '../progress.ts'
import { compareRestored } from '../restore/compare.ts'
import { openStaging } from '../restore/staging.ts'
import { restore } from '../restore.ts'
import type { Session } from '../session.ts'
import type { Faults } from './faults.ts'

/**
 * Restores a snapshot whole to this computer's own folder, has SQLite check its databases, reads everything back and
 * removes it. Adds the archive's damage, and restored_damaged for a database that SQLite complains about. Errors:
 * local_full, target_failed, cancelled, destination_*.
 */
export async function proveRestore(
  session: Session,
  manifest: Manifest,
  { faults, signal, onProgress }: { faults: Faults; signal: AbortSignal; onProgress: OnProgress },
): Promise<void> {
  // A private folder like that of a restore: one that a kill left behind goes with the next proof.
  const staging = openStaging(join(archiveFolder(session.home, session.archive), 'proof'))
  try {
    const { warnings } = await restore(session, {
      target: staging.files,
      snapshot: manifest.snapshot,
      salvage: false,
      overwrite: false,
      signal,
      onProgress,
    })
    for (const { code, detail } of warnings)
      if (code === 'restored_damaged') faults.add(code, String(detail['database']), detail)
    let done = 0
    const total =
      manifest.files.bytes + manifest.databases.reduce((sum, { pages, pageSize }) => sum + pages * pageSize, 0)
    await compareRestored(session, {
      manifest,
      root: staging.files,
      rules: staging.rules,
      check: () => throwIfCancelled(signal),
      onRead: (bytes, item) => onProgress({ phase: 'check', done: (done += bytes), total, item }),
    })
  } catch (error) {
    if (!isDamage(error)) throw error
    faults.caught(error)
  } finally {
    staging.remove({ undo: true })
  }
}
