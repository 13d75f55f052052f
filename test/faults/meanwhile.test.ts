import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Destination } from '../../main/core/destinations/destination.ts'
import { forget } from '../../main/core/jobs/forget.ts'
import { restore } from '../../main/core/jobs/restore.ts'
import { listSnapshots } from '../../main/core/jobs/snapshots.ts'
import type { Session } from '../../main/core/jobs/session.ts'
import { verify } from '../../main/core/jobs/verify.ts'
import { workersInThisThread } from '../fixtures/fake-seal-worker.ts'
import { plain, quiet } from '../fixtures/job-options.ts'
import type { MemoryDestination } from '../fixtures/memory-destination.ts'
import { addRows, change, type Practice, practice, putMedia } from '../fixtures/practice-archive.ts'
import { type Digests, digestsOf } from './bystander.ts'
import { contentBelow } from './content-below.ts'

/** Three snapshots of a store that has changed since; the first two are not needed any more. */
let it_: Practice
let archive: MemoryDestination
let scratch: string
let newest: Digests
let next: Digests

beforeAll(async () => {
  it_ = await practice({ pageSize: 1024, startWorker: workersInThisThread })
  scratch = mkdtempSync(join(tmpdir(), 'coffer-meanwhile-'))
  for (const name of ['a', 'b', 'c']) {
    change(it_.database, (db) => addRows(db, 40))
    for (const old of ['a', 'b', 'c']) rmSync(join(it_.media, old), { force: true })
    putMedia(it_, name, randomBytes(20_000))
    putMedia(it_, 'stays', Buffer.alloc(9000, 1))
    await it_.backUp()
  }
  newest = digestsOf(it_.content())
  change(it_.database, (db) => addRows(db, 3))
  putMedia(it_, 'd', randomBytes(5000))
  next = digestsOf(it_.content())
  archive = it_.destination
  cpSync(it_.home, join(scratch, 'home'), { recursive: true })
})
afterAll(() => {
  it_.remove()
  rmSync(scratch, { recursive: true, force: true })
})

/** What another Coffer on this computer does while one of the jobs is at its n-th call. */
const others: Record<string, (destination: Destination) => Promise<unknown>> = {
  backup: (destination) => it_.backUp({ destination }),
  forget: async (destination) => {
    const session = await it_.open(destination)
    await forget(session, { ...quiet, keep: { last: 1 } })
    session.close()
  },
}

const target = () => join(scratch, 'restored')
const jobs: Record<string, (session: Session) => Promise<void>> = {
  async snapshots(session) {
    const { snapshots, warnings } = await listSnapshots(session)
    expect(warnings).toEqual([])
    expect([1, 3, 4]).toContain(snapshots.length)
  },
  async verify(session) {
    const { ok, faults, warnings } = await verify(session, { ...quiet, read: true, proof: true })
    expect({ ok, faults, warnings }).toEqual({ ok: true, faults: [], warnings: [] })
  },
  async restore(session) {
    const { warnings } = await restore(session, { ...plain, target: target() })
    expect(warnings).toEqual([])
    expect([newest, next]).toContainEqual(contentBelow(target()))
  },
}

/** A destination on which something happens at the n-th call, once. */
function withEvent(
  inner: Destination,
  at: number,
  event: () => Promise<unknown>,
): { destination: Destination; calls: () => number } {
  let count = 0
  const before = async (): Promise<void> => {
    if (++count === at) await event()
  }
  const destination: Destination = {
    ...inner,
    async *list(folder) {
      await before()
      yield* inner.list(folder)
    },
    async get(name, range, into) {
      await before()
      return await inner.get(name, range, into)
    },
  }
  return { destination, calls: () => count }
}

/** Calls at which it happens: a quarter of a run's, in a soak all. */
function moments(calls: number): number[] {
  const step = process.env['COFFER_SOAK'] === undefined ? 4 : 1
  return Array.from({ length: Math.ceil(calls / step) }, (_, i) => 1 + i * step)
}

describe.each(Object.keys(jobs))('%s', (name) => {
  it.each(Object.keys(others))(
    'comes to the right end while another process does a %s, whenever that is',
    { timeout: 600_000 },
    async (other) => {
      const run = async (at: number): Promise<number> => {
        rmSync(it_.home, { recursive: true, force: true })
        cpSync(join(scratch, 'home'), it_.home, { recursive: true })
        const copy = archive.copy()
        let happened = false
        const watched = withEvent(copy, at, async () => {
          await others[other]?.(copy)
          happened = true
        })
        const session = await it_.open(watched.destination)
        try {
          await jobs[name]?.(session)
        } catch (cause) {
          throw new Error(`${other} at call ${at} of ${name}`, { cause })
        } finally {
          session.close()
          rmSync(target(), { recursive: true, force: true })
        }
        expect(happened).toBe(at < Infinity)
        return watched.calls()
      }
      for (const at of moments(await run(Infinity))) await run(at)
    },
  )
})
