import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { makeMedia } from '../fixtures/make-media.ts'
import { addDay, makeWhatsAppAndroid } from '../fixtures/make-whatsapp-android.ts'
import type { Ended } from '../integration/command-line.ts'
import { contentBelow } from './content-below.ts'
import { type Keeper, newKeeper } from './keeper.ts'
import { struckBy } from './life.ts'

/** A keeper with a phone’s store, backed up once. */
async function keeperOfPhone(): Promise<Keeper> {
  const keeper = await newKeeper()
  mkdirSync(keeper.at('phone'))
  const { media } = makeWhatsAppAndroid(keeper.at('phone', 'msgstore.db'), {
    messages: 200,
    media: { files: 6, bytes: 300_000 },
  })
  makeMedia(keeper.at('phone'), media, 1)
  expect(await keeper.backUp('phone')).toMatchObject({ code: 0, said: { seq: 1, warnings: [] } })
  return keeper
}
function day(keeper: Keeper, phone = 'phone', seed = 1): void {
  const { media } = addDay(keeper.at(phone, 'msgstore.db'), { messages: 20, media: { files: 3, bytes: 100_000 }, seed })
  makeMedia(keeper.at(phone), media, seed)
}

/** Runs a command as the computer whose memory lies in `home`. */
const on = (keeper: Keeper, home: string, ...args: string[]): Promise<Ended> =>
  keeper.with({ COFFER_HOME: keeper.at(home) })(...args, '--key-file', 'key.txt', '--json')

const code = ({ stdout }: Ended): unknown => (JSON.parse(stdout) as { error?: { code: string } }).error?.code

describe('on one computer', () => {
  // Whether a process stands still is told by /proc.
  it.runIf(process.platform === 'linux')(
    'while a backup is under way another one and a forget are told to wait, and everyone else reads as if it were not',
    { timeout: 240_000 },
    async () => {
      const keeper = await keeperOfPhone()
      const before = contentBelow(keeper.at('phone'))
      day(keeper)
      // It stands still in the middle: after its first pack, before its manifest.
      const stopped = keeper.start(
        ['backup', 'phone', 'archive', '--key-file', 'key.txt', '--json'],
        struckBy({ signal: 'SIGSTOP', at: 25 }),
      )
      await untilStopped(stopped.child.pid ?? 0)
      for (const args of [
        ['backup', 'phone', 'archive'],
        ['forget', 'archive', '--keep', 'last:1'],
      ]) {
        const ended = await on(keeper, 'home', ...args)
        expect([ended.code, code(ended)]).toEqual([2, 'archive_busy'])
      }
      expect((await on(keeper, 'home', 'verify', 'archive', '--read', '--proof')).json).toMatchObject({
        ok: true,
        warnings: [],
      })
      expect((await on(keeper, 'home', 'snapshots', 'archive')).json).toMatchObject({
        snapshots: [{ seq: 1 }],
        warnings: [],
      })
      expect(await keeper.restored()).toEqual(before)
      stopped.child.kill('SIGCONT')
      expect(await stopped.ended).toMatchObject({ code: 0 })
      expect(await keeper.restored()).toEqual(contentBelow(keeper.at('phone')))
    },
  )

  it(
    'backups that begin at the same moment are made one at a time, and those that are not say that they must wait',
    { timeout: 240_000 },
    async () => {
      const keeper = await newKeeper()
      makeWhatsAppAndroid(keeper.at('msgstore.db'), { messages: 4000 })
      const all = await Promise.all([1, 2, 3].map(() => on(keeper, 'home', 'backup', 'msgstore.db', 'archive')))
      const made = all.filter((ended) => ended.code === 0).length
      expect(made).toBeGreaterThanOrEqual(1)
      for (const ended of all) if (ended.code !== 0) expect([ended.code, code(ended)]).toEqual([2, 'archive_busy'])
      const listed = await on(keeper, 'home', 'snapshots', 'archive')
      expect((listed.json as { snapshots: unknown[] }).snapshots.length).toBe(made)
      expect((await on(keeper, 'home', 'verify', 'archive', '--read')).json).toMatchObject({
        ok: true,
        faults: [],
        warnings: [],
      })
    },
  )
})

describe('on two computers', () => {
  it(
    'the second may read, and write only once it takes over; then the first may not',
    { timeout: 240_000 },
    async () => {
      const keeper = await keeperOfPhone()
      expect((await on(keeper, 'other', 'verify', 'archive', '--read')).json).toMatchObject({ ok: true, warnings: [] })
      const refused = async (home: string, ...args: string[]) => {
        const ended = await on(keeper, home, ...args)
        expect([ended.code, ended.json]).toMatchObject([
          2,
          {
            error: {
              code: 'other_writer',
              since: expect.stringMatching(/Z$/),
              next: expect.stringContaining('--take-over'),
            },
          },
        ])
      }
      await refused('other', 'backup', 'phone', 'archive')
      await refused('other', 'forget', 'archive', '--keep', 'last:1')
      expect((await on(keeper, 'other', 'backup', 'phone', 'archive', '--take-over')).json).toMatchObject({
        seq: 2,
        warnings: [],
        files: { new: 0 },
      })
      await refused('home', 'backup', 'phone', 'archive')
      expect((await on(keeper, 'home', 'backup', 'phone', 'archive', '--take-over')).json).toMatchObject({
        seq: 3,
        warnings: [],
      })
      await refused('other', 'backup', 'phone', 'archive')
    },
  )

  it(
    'that wrote to copies of one archive make a fork: it is told, every side comes back, and backups go on',
    { timeout: 240_000 },
    async () => {
      const keeper = await keeperOfPhone()
      cpSync(keeper.at('archive'), keeper.at('copy'), { recursive: true })
      cpSync(keeper.at('phone'), keeper.at('other phone'), { recursive: true })
      day(keeper)
      day(keeper, 'other phone', 2)
      const ours = (await keeper.backUp('phone')).said.snapshot ?? ''
      const theirs = (
        (await on(keeper, 'other', 'backup', 'other phone', 'copy', '--take-over')).json as { snapshot: string }
      ).snapshot
      // The cloud’s program brings both together.
      cpSync(keeper.at('copy'), keeper.at('archive'), { recursive: true, force: false })
      for (const home of ['home', 'third']) {
        const listed = await on(keeper, home, 'snapshots', 'archive')
        expect([listed.code, listed.json]).toMatchObject([
          1,
          { snapshots: [{ seq: 1 }, { seq: 2 }, { seq: 2 }], warnings: [{ code: 'fork' }] },
        ])
      }
      const verified = await on(keeper, 'third', 'verify', 'archive', '--read', '--proof')
      expect([verified.code, verified.json]).toMatchObject([1, { ok: true, faults: [], warnings: [{ code: 'fork' }] }])
      const sides = [
        [ours, 'phone'],
        [theirs, 'other phone'],
      ] as const
      const expectSides = async () => {
        for (const [snapshot, phone] of sides) {
          const ended = await on(
            keeper,
            'third',
            'restore',
            'archive',
            `restored ${snapshot} ${phone}`,
            '--snapshot',
            snapshot,
            '--overwrite',
          )
          expect([ended.code, ended.json]).toMatchObject([1, { snapshot, missing: [], warnings: [{ code: 'fork' }] }])
          expect(contentBelow(keeper.at(`restored ${snapshot} ${phone}`))).toEqual(contentBelow(keeper.at(phone)))
        }
      }
      await expectSides()
      // Each computer goes on from its own side; the one that follows is everybody’s.
      const next = await on(keeper, 'home', 'backup', 'phone', 'archive')
      expect([next.code, next.json]).toMatchObject([1, { seq: 3, warnings: [{ code: 'fork' }], files: { new: 0 } }])
      expect(code(await on(keeper, 'other', 'backup', 'other phone', 'archive'))).toBe('other_writer')
      await expectSides()
      // Once only the newest is left, there is no fork any more.
      const forgotten = await on(keeper, 'home', 'forget', 'archive', '--keep', 'last:1')
      expect([forgotten.code, forgotten.json]).toMatchObject([1, { kept: 1, warnings: [{ code: 'fork' }] }])
      const after = await on(keeper, 'third', 'verify', 'archive', '--read', '--proof')
      expect([after.code, after.json]).toMatchObject([0, { ok: true, faults: [], warnings: [] }])
      expect(await keeper.restored()).toEqual(contentBelow(keeper.at('phone')))
    },
  )
})

/** Waits until a process stands still. */
async function untilStopped(pid: number): Promise<void> {
  for (;;) {
    if (/^\d+ \(.*\) T /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}
