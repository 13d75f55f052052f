import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { PageSourceSpec } from '../../../main/core/stores/page-source.ts'
import { pin, type Descriptors } from '../../../main/core/stores/pin.ts'
import { Random } from '../../fixtures/random.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { allPages, stateOf, withoutCounters } from './pages.ts'
import { startOwner, startWriter } from './processes.ts'

function descriptors(path: string): Descriptors {
  return { db: openSync(path, 'r'), wal: openSync(`${path}-wal`, 'r'), shm: openSync(`${path}-shm`, 'r') }
}

function close(files: Descriptors): void {
  for (const fd of Object.values(files)) closeSync(fd)
}

/** Pins, compares the overlay with `backup()` on the same transaction, and says which of the two the overlay used. */
async function compare(
  path: string,
  pageSize: number,
  folder: string,
  meanwhile: () => Promise<void>,
): Promise<'file' | 'log' | 'odd'> {
  const files = descriptors(path)
  const pinned = pin(path, pageSize, files)
  if (typeof pinned === 'string') {
    close(files)
    throw new Error(pinned)
  }
  const { connection, pages } = pinned
  try {
    if (!pages) return 'odd'
    const overlay = pages.overlay && { fd: files.wal, ...pages.overlay }
    const spec: PageSourceSpec = {
      pageSize: pages.pageSize,
      pageCount: pages.pageCount,
      fd: files.db,
      ...(overlay ? { overlay } : {}),
    }
    const before = allPages(spec, 1)
    await meanwhile()
    const copy = join(folder, 'backup.db')
    await connection.backup(copy, { progress: () => 100 })
    // The writer went on, checkpoints included: the pages must not have moved.
    const after = allPages(spec, 64)
    expect(after.equals(before)).toBe(true)
    const expected = readFileSync(copy)
    expect(after.length).toBe(expected.length)
    expect(withoutCounters(after).equals(withoutCounters(expected))).toBe(true)
    return overlay ? 'log' : 'file'
  } finally {
    connection.close()
    close(files)
  }
}

describe('the overlay of a pinned database', () => {
  for (const [pageSize, trials, seed] of [
    [512, 10, 11],
    [4096, 25, 12],
    [65536, 10, 13],
  ] as const) {
    it(`equals backup() in every trial while a writer commits every 5 ms (pages of ${pageSize} bytes, seed ${seed})`, async () => {
      const folder = temporaryFolder()
      const path = join(folder, 'store.db')
      const writer = await startWriter(path, { seed, pageSize })
      const ways = { file: 0, log: 0, odd: 0 }
      const random = new Random(seed)
      for (let trial = 0; trial < trials; trial++) {
        ways[await compare(path, pageSize, folder, () => writer.lap(1 + random.below(60)))]++
        await writer.lap(1 + random.below(10))
      }
      // If most trials fell back on backup() this test would show nothing.
      expect(ways.log).toBeGreaterThan(trials / 2)
      expect(ways.odd).toBeLessThan(trials / 5)
    })
  }

  it('equals backup() also while a writer commits without rest, so that commits fall into the pinning itself (seed 14)', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'store.db')
    const writer = await startWriter(path, { seed: 14, rest: 0 })
    const ways = { file: 0, log: 0, odd: 0 }
    for (let trial = 0; trial < 60; trial++) {
      ways[await compare(path, 4096, folder, () => Promise.resolve())]++
      await writer.lap(7)
    }
    expect(ways.file + ways.log).toBeGreaterThan(30)
  })

  it('is the file alone when the log has been copied into it, also while the owner starts the log anew', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'store.db')
    const owner = await startOwner(path)
    await owner.run(
      'pragma journal_mode = wal; create table t (a); insert into t values (randomblob(9000)); pragma wal_checkpoint(passive)',
    )
    const files = descriptors(path)
    const pinned = pin(path, 4096, files)
    if (typeof pinned === 'string') throw new Error(pinned)
    expect(pinned.pages?.overlay).toBeUndefined()
    const spec: PageSourceSpec = { pageSize: 4096, pageCount: pinned.pages?.pageCount ?? 0, fd: files.db }
    const before = allPages(spec)
    await owner.run(
      'update t set a = randomblob(9000); insert into t values (randomblob(50000)); pragma wal_checkpoint(passive)',
    )
    expect(allPages(spec).equals(before)).toBe(true)
    pinned.connection.close()
    close(files)
  })

  it('creates nothing where the owner has just closed the database', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'store.db')
    const owner = await startOwner(path)
    await owner.run('pragma journal_mode = wal; create table t (a); insert into t values (1)')
    const files = descriptors(path)
    await owner.close()
    const before = stateOf(folder)
    expect(Object.keys(before)).toEqual(['store.db'])
    expect(pin(path, 4096, files)).toBe('gone')
    expect(stateOf(folder)).toEqual(before)
    close(files)
  })

  it('is refused when the log is not the one that was opened', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'store.db')
    const first = await startOwner(path)
    await first.run('pragma journal_mode = wal; create table t (a); insert into t values (1)')
    const files = descriptors(path)
    await first.close()
    const second = await startOwner(path)
    await second.run('insert into t values (2)')
    expect(pin(path, 4096, files)).toBe('gone')
    close(files)
  })
})
