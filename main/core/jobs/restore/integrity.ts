/** SQLite's own check of a restored database, in a thread of its own. */
import { access } from 'node:fs/promises'
import { CofferError, describe } from '../../../../contract/errors.ts'
import { localFailure } from '../../archive/read/local-failure.ts'
import { StoreThread } from '../../stores/store-thread.ts'

/**
 * 'ok', or the first thing quick_check complains about. `file` must lie in a folder of ours: SQLite leaves -wal and
 * -shm files beside a database in WAL mode even when it only reads. Its bytes are not changed. Errors: target_failed.
 */
export async function quickCheck(file: string): Promise<string> {
  const thread = new StoreThread()
  try {
    const { database } = await thread.ask('openCopy', { path: file, recover: false })
    return (await thread.ask('quickCheck', { database }))[0] ?? 'ok'
  } catch (error) {
    // Taken away meanwhile, whatever SQLite says of that.
    await access(file).catch((gone: unknown) => {
      throw localFailure(gone)
    })
    // What SQLite will not open at all fails the check as well.
    if (error instanceof CofferError && (error.code === 'store_corrupt' || error.code === 'store_encrypted'))
      return describe(error.code).say
    throw error
  } finally {
    await thread.close()
  }
}
