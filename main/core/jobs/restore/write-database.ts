/** Bringing back one database: every page from the one place that this snapshot's map names for it. */
import { closeSync, ftruncateSync, openSync } from 'node:fs'
import { CofferError } from '../../../../contract/errors.ts'
import { databaseDigest } from '../../archive/format/hashes.ts'
import type { DatabaseEntry } from '../../archive/format/manifest.ts'
import { Flow } from '../../archive/read/flow.ts'
import { localFailure } from '../../archive/read/local-failure.ts'
import { openStretch } from '../../archive/read/open-stretch.ts'
import { planPages, unplaced } from '../../archive/read/page-plan.ts'
import { resolvePages } from '../../archive/read/resolve-pages.ts'
import type { RestoreRun } from './run.ts'

export interface WrittenDatabase {
  /** Pages that could not be had and are zeros. */
  missing: number
  /** Brings it to the disk and closes it; to be called once. */
  sync: () => Promise<void>
}

/**
 * Writes a database to a new file at `file`. Every page is checked against the map before it is
 * written, and the map against the database's digest, so what this returns from is the database that was backed up.
 * When salvaging, pages that cannot be had stay zeros.
 */
export async function writeDatabase(run: RestoreRun, database: DatabaseEntry, file: string): Promise<WrittenDatabase> {
  const { session, pool } = run
  const onFault = run.salvage ? run.fault : undefined
  const { path, pageSize, pages } = database
  const fd = local(() => openSync(file, 'wx', 0o600), path)
  const flow = new Flow()
  let missing = 0
  try {
    local(() => ftruncateSync(fd, pages * pageSize), path)
    const digest = databaseDigest(session.keys, pageSize, pages)
    for await (const window of resolvePages(session, database, onFault)) {
      const without = unplaced(window)
      if (without) {
        const error = new CofferError('map_damaged', { database: path, page: without.first })
        if (!onFault) throw error
        if (without.nowhere > 0) onFault(error)
        missing += without.nowhere + without.unknown
      }
      digest.update(window.hashes)
      for (const stretch of planPages(window, { fd, pageSize })) {
        const buffer = await pool.buffer(stretch.range.length)
        run.check()
        flow.start(async () => {
          const fault = await openStretch(session.destination, pool, buffer, stretch)
          if (fault && !onFault) throw fault.error
          if (fault) onFault?.(fault.error)
          const lost = fault?.blobs.reduce((sum, { rows }) => sum + rows, 0) ?? 0
          missing += lost
          run.wrote((stretch.work.pages.length - lost) * pageSize, path)
        })
      }
    }
    await flow.drain()
    if (missing === 0 && digest.final().toString('hex') !== database.digest) {
      const error = new CofferError('map_damaged', { database: path, reason: 'the digest does not fit' })
      if (!onFault) throw error
      // The map is not the one this snapshot was made with, so none of its pages can be trusted to be this snapshot's.
      onFault(error)
      for (const size of [0, pages * pageSize]) local(() => ftruncateSync(fd, size), path)
      missing = pages
    }
    return { missing, sync: () => run.sync(fd, path).finally(() => closeSync(fd)) }
  } catch (error) {
    // A worker may still be writing: a descriptor that is closed too early could become another file's.
    await flow.settle()
    closeSync(fd)
    throw error
  }
}

function local<T>(act: () => T, path: string): T {
  try {
    return act()
  } catch (error) {
    throw localFailure(error, path)
  }
}
