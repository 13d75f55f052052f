import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isHeld } from '../../../main/core/stores/held.ts'
import { look } from '../../../main/core/stores/look.ts'
import { takePinned } from '../../../main/core/stores/pinned-snapshot.ts'
import { makePrivateFolder } from '../../../main/core/stores/private-folder.ts'
import type { SnapshotContext } from '../../../main/core/stores/snapshot-context.ts'
import { snapshotDatabase } from '../../../main/core/stores/snapshot-database.ts'
import { StoreThread } from '../../../main/core/stores/store-thread.ts'
import { complaints, makeClosed, places } from './owned.ts'
import { allPages } from './pages.ts'
import { startOwner, startWriter } from './processes.ts'

async function context(tmp: string, more: Partial<SnapshotContext> = {}): Promise<SnapshotContext> {
  const thread = new StoreThread()
  onTestFinished(() => thread.close())
  return {
    thread,
    copy: join(await makePrivateFolder(tmp), '0.db'),
    signal: undefined,
    onBytes: () => undefined,
    pause: (ms) => setTimeout(ms),
    now: () => new Date(),
    patience: { locked: 3, changed: 8 },
    ...more,
  }
}

describe('a pinned database whose pages cannot be placed', () => {
  it('is copied by backup(), as one moment, and read from the copy', async () => {
    const { owner, path, tmp } = places()
    const writer = await startWriter(path, { seed: 31 })
    await writer.lap(60)
    const taking = await context(tmp)
    const taken = await takePinned(path, await look(path), taking, 'copy')
    if (typeof taken === 'string') throw new Error(taken)
    const bytes = allPages(taken.source)
    expect(complaints(bytes)).toEqual([])
    await writer.lap(60)
    expect(allPages(taken.source).equals(bytes)).toBe(true)
    // The owner's files are let go as soon as the copy stands.
    await writer.stop()
    expect(readdirSync(owner)).toEqual(['store.db'])
    await taking.thread.close()
    await taken.close()
  })

  it('stops copying when it is cancelled', async () => {
    const { path, tmp } = places()
    const program = await startOwner(path)
    await program.run('pragma journal_mode = wal; create table t (a); insert into t values (randomblob(3000000))')
    const taking = await context(tmp, { signal: AbortSignal.abort() })
    await expect(takePinned(path, await look(path), taking, 'copy')).rejects.toMatchObject({ code: 'cancelled' })
  })
})

describe('whether somebody has a database open', () => {
  it.runIf(process.platform === 'linux')('is seen on Linux by its locks', async () => {
    const { path } = places()
    makeClosed(path)
    expect(await isHeld(path)).toBe(false)
    const program = await startOwner(path)
    await program.run('pragma journal_mode = wal; select * from t')
    expect(await isHeld(path)).toBe(true)
    await program.close()
    expect(await isHeld(path)).toBe(false)
  })

  it('is unknown, and taken for no, where the system does not tell', async () => {
    const { path } = places()
    expect(await isHeld(path, () => Promise.reject(new Error('no such file')))).toBe(false)
  })
})

describe('patience', () => {
  it('is as long as it is asked to be, with pauses between', async () => {
    const { path, tmp } = places()
    makeClosed(path)
    const program = await startOwner(path)
    await program.run('begin exclusive')
    const pauses: number[] = []
    const pause = (ms: number) => Promise.resolve(void pauses.push(ms))
    const patient = await context(tmp, { pause, patience: { locked: 7, changed: 8 } })
    await expect(snapshotDatabase(path, patient)).rejects.toMatchObject({ code: 'store_locked' })
    expect(pauses.filter((ms) => ms === 100)).toHaveLength(6)
  })

  it('ends when the database is free again', async () => {
    const { path, tmp } = places()
    makeClosed(path)
    const program = await startOwner(path)
    await program.run('begin exclusive')
    let pauses = 0
    const pause = async () => {
      if (++pauses === 3) await program.run('rollback')
    }
    const taking = await context(tmp, { pause, patience: { locked: 7, changed: 8 } })
    const taken = await snapshotDatabase(path, taking)
    expect(taken.source.pageCount).toBeGreaterThan(1)
    await taking.thread.close()
    await taken.close()
  })
})
