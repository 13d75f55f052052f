import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { ToWorker } from '../../main/core/archive/write/seal-messages.ts'
import type { StartWorker } from '../../main/core/archive/workers.ts'
import { workersInThisThread } from '../fixtures/fake-seal-worker.ts'
import { addRows, change, type Practice, practice, putMedia } from '../fixtures/practice-archive.ts'
import { asBystander, type Digests, digestsOf, everySnapshot } from './bystander.ts'

/** What happens right before a listed file is read, each time. */
let beforeReading: (file: string, time: number) => void = () => undefined
let times: Map<string, number>

/** Workers that tell before they read a file; a file of several pieces is told of once for each. */
const watchedWorkers: StartWorker = (program, data) => {
  const worker = workersInThisThread(program, data)
  const post = worker.postMessage.bind(worker)
  worker.postMessage = (message: ToWorker, transfer?: unknown) => {
    if (message.op === 'hashPieces')
      for (const { path, offset } of message.pieces) {
        const file = Buffer.from(path).toString()
        const time = (times.get(file) ?? 0) + (offset === 0 ? 1 : 0)
        times.set(file, time)
        if (offset === 0) beforeReading(file, time)
      }
    // As it came.
    post(message, transfer as ArrayBuffer[])
  }
  return worker
}

let it_: Practice
const at = (name: string): string => join(it_.media, name)
beforeEach(async () => {
  times = new Map()
  beforeReading = () => undefined
  it_ = await practice({ startWorker: watchedWorkers })
  change(it_.database, (db) => addRows(db, 20))
  for (const name of ['one', 'two', 'three']) putMedia(it_, name, randomBytes(1000))
})
afterEach(() => it_.remove())

/** The newest snapshot, by the format alone. */
const newest = async (): Promise<Digests> =>
  [...(await asBystander(it_.destination, it_.secret, everySnapshot)).values()].at(-1) ?? new Map()

/** Backs up while `happen` is done to the file `two`, the first time it is read or each time. */
async function whileReading(
  happen: (path: string) => void,
  { always = false } = {},
): Promise<{ warned: string[]; missing: number }> {
  beforeReading = (file, time) => {
    if (file === at('two') && (always || time === 1)) happen(file)
  }
  const { warnings, files } = await it_.backUp()
  expect(times.get(at('two'))).toBeGreaterThan(0)
  return { warned: warnings.map(({ code, detail }) => `${code} ${String(detail['path'])}`), missing: files.missing }
}

const gone: Record<string, (path: string) => void> = {
  'it is deleted': (path) => rmSync(path),
  'it is moved away': (path) => renameSync(path, join(it_.folder, 'elsewhere')),
}
const other: Record<string, (path: string) => void> = {
  'a link takes its place': (path) => (rmSync(path), symlinkSync(it_.database, path)),
  'a pipe takes its place': (path) => (rmSync(path), void execFileSync('mkfifo', [path])),
  'a folder takes its place': (path) => (rmSync(path), mkdirSync(path)),
}
const growing: Record<string, (path: string) => void> = {
  'it grows': (path) => appendFileSync(path, 'more'),
  'it shrinks': (path) => truncateSync(path, Math.max(0, 900 - 10 * (times.get(path) ?? 0))),
  'it is written anew, of the same size': (path) => {
    writeFileSync(path, randomBytes(1000))
    utimesSync(path, 1000, 1000 + (times.get(path) ?? 0))
  },
}

it.each(Object.entries(gone))(
  'a file is missing and reported when %s before it is read; all others are there',
  async (_, happen) => {
    expect(await whileReading(happen)).toEqual({ warned: ['file_vanished Media/two'], missing: 1 })
    expect([...(await newest()).keys()]).toEqual(['Media/one', 'Media/three', 'messages.db'])
  },
)

it.each(Object.entries(other))(
  'a file is missing and reported when %s before it is read, and nobody waits or follows',
  async (_, happen) => {
    expect(await whileReading(happen)).toEqual({ warned: ['file_changed Media/two'], missing: 1 })
    expect([...(await newest()).keys()]).toEqual(['Media/one', 'Media/three', 'messages.db'])
  },
)

it.each(Object.entries(growing))('a file that changes once is read again, whole: %s', async (_, happen) => {
  expect(await whileReading(happen)).toEqual({ warned: [], missing: 0 })
  expect(await newest()).toEqual(digestsOf(it_.content()))
})

it.each(Object.entries(growing))(
  'a file that changes each time it is read is reported, and its earlier copy stays: %s',
  async (_, happen) => {
    const before = digestsOf(it_.content())
    await it_.backUp()
    times.clear()
    writeFileSync(at('two'), randomBytes(1000))
    putMedia(it_, 'four', randomBytes(1000))
    expect(await whileReading(happen, { always: true })).toEqual({ warned: ['file_changed Media/two'], missing: 1 })
    const found = await newest()
    expect([...found.keys()]).toEqual(['Media/four', 'Media/one', 'Media/three', 'Media/two', 'messages.db'])
    expect(found.get('Media/two')).toBe(before.get('Media/two'))
    // Once it rests, it is backed up.
    beforeReading = () => undefined
    expect((await it_.backUp()).warnings).toEqual([])
    expect(await newest()).toEqual(digestsOf(it_.content()))
  },
)

it('a large file that changes between its pieces is never put together from two of its states', async () => {
  const large = randomBytes(9_000_000)
  putMedia(it_, 'two', large)
  expect(await whileReading((path) => writeFileSync(path, randomBytes(9_000_000)))).toEqual({ warned: [], missing: 0 })
  expect(await newest()).toEqual(digestsOf(it_.content()))
})
