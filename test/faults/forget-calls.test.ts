import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CofferError } from '../../contract/errors.ts'
import type { Destination } from '../../main/core/destinations/destination.ts'
import { judgeChain } from '../../main/core/jobs/freshness.ts'
import { workersInThisThread } from '../fixtures/fake-seal-worker.ts'
import { expectContent, expectTidy, forgetIn, snapshotsIn } from '../fixtures/forget-checks.ts'
import type { MemoryDestination } from '../fixtures/memory-destination.ts'
import { addRows, change, type Practice, practice, putMedia } from '../fixtures/practice-archive.ts'
import { type Call, type Fault, type FaultyDestination, faultyDestination } from './fault-destination.ts'

/**
 * Eleven small backups of which three stay: forgetting the others writes lists, deletes manifests and packs, writes
 * anew what is less than half alive, and joins small packs. Every try begins with this computer and this archive.
 */
let it_: Practice
let archive: MemoryDestination
let scratch: string
let now = Date.parse('2026-05-01T20:00:00Z')
const contents = new Map<string, Map<string, Buffer>>()
const keep = { last: 3 }

beforeAll(async () => {
  it_ = await practice({ pageSize: 1024, now: () => new Date(now), startWorker: workersInThisThread })
  scratch = mkdtempSync(join(tmpdir(), 'coffer-forget-calls-'))
  for (let i = 0; i < 11; i++) {
    now += 24 * 3600 * 1000
    change(it_.database, (db) => {
      addRows(db, i === 0 ? 150 : 3)
      if (i > 0) db.exec(`update message set body = randomblob(300) where id % 11 = ${i}`)
    })
    putMedia(it_, `photo ${i % 3}`, Buffer.alloc(3000, i))
    const { snapshot } = await it_.backUp()
    contents.set(snapshot, it_.content())
  }
  archive = it_.destination
  cpSync(it_.home, join(scratch, 'home'), { recursive: true })
})
afterAll(() => {
  it_.remove()
  rmSync(scratch, { recursive: true, force: true })
})

/** This computer's memory becomes that in a folder. */
function becomes(home: string): void {
  rmSync(it_.home, { recursive: true, force: true })
  cpSync(home, it_.home, { recursive: true })
}

interface Crash {
  faulty: FaultyDestination
  error: unknown
  /** Archive and home as they were when the fault struck: what a process that was killed then leaves behind. */
  killed: { destination: MemoryDestination; home: string }
  /** As they are after the error was handled. */
  failed: { destination: MemoryDestination; home: string }
}

async function forgetWithFault(fault: Fault): Promise<Crash> {
  becomes(join(scratch, 'home'))
  const destination = archive.copy()
  const killed = { destination, home: join(scratch, 'killed') }
  const failed = { destination, home: join(scratch, 'failed') }
  for (const { home } of [killed, failed]) rmSync(home, { recursive: true, force: true })
  const strike = (): void => {
    killed.destination = destination.copy()
    cpSync(it_.home, killed.home, { recursive: true })
  }
  const faulty = faultyDestination(destination, { ...fault, strike })
  const error = await forget(faulty, { keep }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  cpSync(it_.home, failed.home, { recursive: true })
  return { faulty, error, killed, failed }
}

async function forget(destination: Destination, options: Parameters<typeof forgetIn>[1]): Promise<string[]> {
  const session = await it_.open(destination)
  try {
    return (await forgetIn(session, options)).forgotten
  } finally {
    session.close()
  }
}

/** Every snapshot that is there is whole, and those that were to stay are there. */
async function expectWhole(destination: Destination): Promise<string[]> {
  const session = await it_.open(destination)
  const all = await snapshotsIn(session)
  for (const manifest of all) await expectContent(session, manifest, contents.get(manifest.snapshot) ?? new Map())
  expect(await judgeChain(session, all, [])).toEqual([])
  session.close()
  const there = all.map(({ snapshot }) => snapshot)
  const ids = [...contents.keys()]
  expect(there).toEqual(expect.arrayContaining(ids.slice(-keep.last)))
  return there
}

const packBytes = ({ objects }: MemoryDestination): number =>
  [...objects].reduce((sum, [name, { bytes }]) => sum + (name.startsWith('packs/') ? bytes.length : 0), 0)

async function expectRecovery(
  { destination, home }: Crash['failed'],
  { backUp, bytes }: { backUp: boolean; bytes: number },
): Promise<void> {
  becomes(home)
  // Between a deletion that was decided and its end, what is to go may be there or not; nothing else is missing.
  await expectWhole(destination)
  await forget(destination, { keep })
  expect(await expectWhole(destination)).toEqual([...contents.keys()].slice(-keep.last))
  const session = await it_.open(destination)
  await expectTidy(session)
  // Each snapshot's own list is enough, as if it were the newest that is left.
  const all = await snapshotsIn(session)
  for (const i of all.keys()) expect(await judgeChain(session, all.slice(0, i + 1), [])).toEqual([])
  // What had been moved before the fault is not moved a second time.
  expect(packBytes(destination)).toBeLessThan(1.2 * bytes)
  if (backUp) {
    const { databases, uploaded } = await it_.backUp({ destination })
    expect(databases.map(({ changed }) => changed)).toEqual([0])
    expect(uploaded.objects).toBe(1)
    const newest = (await snapshotsIn(session)).at(-1)
    if (newest) await expectContent(session, newest, it_.content())
  }
  session.close()
}

/** What a call changes may have happened or not when its answer is lost; a put may also have left half an object. */
function ways(call: Call, index: number): Pick<Fault, 'how' | 'lasting'>[] {
  const all: Pick<Fault, 'how' | 'lasting'>[] = [{ how: 'before', lasting: 'forever' }, { how: 'before' }]
  if (call.kind === 'put' || call.kind === 'delete') all.push({ how: 'after', lasting: 'forever' })
  if (call.kind === 'put') all.push({ how: 'torn', lasting: 'forever' })
  if (process.env['COFFER_SOAK'] !== undefined) return all
  return all.slice(index % all.length).slice(0, 1)
}

it(
  'whichever call to the destination fails, or is the last one before the process is killed, nothing that stays is hurt and the next forget finishes',
  { timeout: 1_800_000 },
  async () => {
    const undisturbed = await forgetWithFault({ at: Infinity })
    expect(undisturbed.error).toBeUndefined()
    const { calls } = undisturbed.faulty
    const bytes = packBytes(undisturbed.failed.destination)
    expect(calls.filter(({ kind, name }) => kind === 'delete' && name.startsWith('packs/')).length).toBeGreaterThan(16)
    expect(calls.filter(({ kind, name }) => kind === 'put' && name.startsWith('packs/')).length).toBeGreaterThan(2)
    for (const [index, call] of calls.entries())
      for (const way of ways(call, index)) {
        const what = `call ${index + 1} of ${calls.length}, ${call.kind} ${call.name}, ${JSON.stringify(way)}`
        const { faulty, error, killed, failed } = await forgetWithFault({ at: index + 1, ...way })
        try {
          expect(faulty.struck).toBe(1)
          expect(error).toBeInstanceOf(CofferError)
          expect(error).toMatchObject({ code: 'destination_failed' })
          await expectRecovery(index % 2 === 0 ? killed : failed, { backUp: index % 3 === 0, bytes })
        } catch (cause) {
          throw new Error(what, { cause })
        }
      }
  },
)
