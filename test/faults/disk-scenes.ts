/**
 * Runs inside a mount namespace of its own (disks.test.ts starts it): plays one scene in which the disk of the archive,
 * of the restored files or of Coffer's own folder is full, read-only or taken away, with the real command line.
 *
 *     node disk-scenes.ts SCENE
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { makeMedia } from '../fixtures/make-media.ts'
import { addDay, makeWhatsAppAndroid } from '../fixtures/make-whatsapp-android.ts'
import { type Ended, newPerson } from '../integration/command-line.ts'
import type { Digests } from './bystander.ts'
import { contentBelow } from './content-below.ts'
import { struckBy } from './life.ts'
import type { Strike } from './strike.ts'

const person = newPerson()
const at = (...path: string[]) => join(person.folder, ...path)
const mounted: string[] = []

/** A memory disk at a folder below the person's. */
function disk(name: string, kilobytes: number): void {
  mkdirSync(at(name), { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k,mode=700`, 'coffer', at(name)])
  mounted.push(at(name))
}
function remount(name: string, options: string): void {
  execFileSync('mount', ['-o', `remount,${options}`, at(name)])
}

function day(kilobytes: number): void {
  const { media } = addDay(at('phone', 'msgstore.db'), { messages: 20, media: { files: 8, bytes: kilobytes * 1000 } })
  makeMedia(at('phone'), media, kilobytes)
}
async function run(command: string, ...args: readonly string[]): Promise<Ended> {
  return await person.coffer(command, ...args, '--key-file', 'key.txt', '--json')
}
async function struck(strike: Strike, command: string, ...args: readonly string[]): Promise<Ended> {
  return await person.with(struckBy(strike))(command, ...args, '--key-file', 'key.txt', '--json')
}
const backUp = () => run('backup', 'phone/msgstore.db', 'archive')

function done({ code, stdout, stderr }: Ended): void {
  assert.equal(code, 0, `${stdout}${stderr}`)
}
function refused(ended: Ended, ...codes: string[]): void {
  assert.equal(ended.code, 5, `${ended.stdout}${ended.stderr}`)
  const { error } = ended.json as { error: { code: string; message: string; next: string } }
  assert.ok(codes.includes(error.code), ended.stdout)
  assert.ok(error.message.length > 10 && error.next.length > 10)
}

/** Its first backup’s id. */
let first = ''

/** An archive with one backup of about a megabyte; what that must give. */
async function begin(): Promise<Digests> {
  mkdirSync(at('phone'))
  const shape = { messages: 300, media: { files: 10, bytes: 600_000 } }
  makeMedia(at('phone'), makeWhatsAppAndroid(at('phone', 'msgstore.db'), shape).media, 1)
  done(await person.coffer('init', 'archive', '--key-out', 'key.txt', '--no-keychain', '--json'))
  const ended = await backUp()
  done(ended)
  first = (ended.json as { snapshot: string }).snapshot
  return contentBelow(at('phone'))
}

/** The newest backup, or the first, gives exactly this, and the archive is whole. */
async function expectWhole(content: Digests, which: 'first' | 'newest' = 'newest'): Promise<void> {
  done(await run('verify', 'archive', '--read'))
  const snapshot = which === 'first' ? ['--snapshot', first] : []
  done(await run('restore', 'archive', 'whole', ...snapshot))
  assert.deepEqual(contentBelow(at('whole')), content)
  rmSync(at('whole'), { recursive: true })
}
function expectNoParts(): void {
  const parts = readdirSync(at('archive'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.part'),
  )
  assert.deepEqual(parts, [])
}

/** Calls at which something happens to a disk: one in the middle of a run, in a soak all. */
function moments(calls: number): number[] {
  if (process.env['COFFER_SOAK'] !== undefined) return Array.from({ length: calls }, (_, i) => i + 1)
  return [Math.ceil(calls / 2)]
}
async function callsOf(command: string, ...args: string[]): Promise<number> {
  done(await struck({ report: at('calls.json') }, command, ...args))
  return (JSON.parse(readFileSync(at('calls.json'), 'utf8')) as string[]).length
}
const backupArgs = ['backup', 'phone/msgstore.db', 'archive'] as const

const scenes: Record<string, () => Promise<void>> = {
  async 'the archive’s disk is full'() {
    disk('archive', 4000)
    const atFirst = await begin()
    day(8000)
    refused(await backUp(), 'destination_full')
    expectNoParts()
    await expectWhole(atFirst)
    remount('archive', 'size=40m')
    done(await backUp())
    await expectWhole(contentBelow(at('phone')))
    await expectWhole(atFirst, 'first')
  },

  async 'the archive’s disk fills up while it is written to'() {
    disk('archive', 60_000)
    const atFirst = await begin()
    day(500)
    const calls = await callsOf(...backupArgs)
    for (const n of moments(calls)) {
      day(500)
      const ended = await struck({ fill: at('archive', 'ballast'), at: n }, ...backupArgs)
      if (ended.code !== 0) refused(ended, 'destination_full')
      expectNoParts()
      // There is no room to write anything anew; what can be deleted without is.
      const forgotten = await run('forget', 'archive', '--keep', 'last:3')
      if (forgotten.code !== 0 && forgotten.code !== 1) refused(forgotten, 'destination_full')
      rmSync(at('archive', 'ballast'))
      done(await backUp())
      await expectWhole(contentBelow(at('phone')))
    }
    done(await run('forget', 'archive', '--keep', 'last:1'))
    await expectWhole(contentBelow(at('phone')))
    assert.notDeepEqual(atFirst, contentBelow(at('phone')))
  },

  async 'the archive’s disk is read-only'() {
    disk('archive', 8000)
    await begin()
    day(500)
    done(await backUp())
    const second = contentBelow(at('phone'))
    remount('archive', 'ro')
    day(500)
    refused(await backUp(), 'destination_read_only')
    refused(await run('forget', 'archive', '--keep', 'last:1'), 'destination_read_only')
    await expectWhole(second)
    remount('archive', 'rw')
    done(await backUp())
    await expectWhole(contentBelow(at('phone')))
  },

  async 'the archive is taken away while it is written to'() {
    const atFirst = await begin()
    day(500)
    const calls = await callsOf(...backupArgs)
    for (const n of moments(calls)) {
      day(500)
      const ended = await struck({ rename: { from: at('archive'), to: at('elsewhere') }, at: n }, ...backupArgs)
      if (ended.code !== 0) refused(ended, 'destination_unreachable')
      assert.ok(!existsSync(at('archive')), 'a new folder was made in its place')
      refused(await backUp(), 'destination_unreachable')
      renameSync(at('elsewhere'), at('archive'))
      done(await backUp())
      expectNoParts()
      await expectWhole(contentBelow(at('phone')))
    }
    await expectWhole(atFirst, 'first')
  },

  async 'the disk of the restored files is full'() {
    const content = await begin()
    disk('small', 500)
    refused(await run('restore', 'archive', 'small'), 'local_full')
    assert.deepEqual(readdirSync(at('small')), [])
    disk('large', 3000)
    const calls = await callsOf('restore', 'archive', 'aside')
    for (const n of moments(calls)) {
      const ended = await struck({ fill: at('large', 'ballast'), at: n }, 'restore', 'archive', 'large/target')
      if (ended.code === 0) assert.deepEqual(contentBelow(at('large', 'target')), content)
      else {
        refused(ended, 'local_full')
        assert.ok(!existsSync(at('large', 'target')), 'something was left behind')
      }
      rmSync(at('large', 'ballast'), { force: true })
      rmSync(at('large', 'target'), { recursive: true, force: true })
    }
    done(await run('restore', 'archive', 'large/target'))
  },

  async 'the folder to restore to is read-only'() {
    await begin()
    disk('target', 3000)
    remount('target', 'ro')
    refused(await run('restore', 'archive', 'target'), 'target_failed')
    refused(await run('restore', 'archive', 'target/new/folder'), 'target_failed')
    assert.deepEqual(readdirSync(at('target')), [])
  },

  async 'the folder to restore to is taken away meanwhile'() {
    const content = await begin()
    const calls = await callsOf('restore', 'archive', 'aside')
    // The first call makes it.
    for (const n of moments(calls).map((n) => Math.max(4, n))) {
      mkdirSync(at('target'))
      const ended = await struck(
        { rename: { from: at('target'), to: at('moved') }, at: n },
        'restore',
        'archive',
        'target',
      )
      // Taken away after the last name was given, all of it is where the folder is now.
      if (ended.code === 0) assert.deepEqual(contentBelow(at('moved')), content)
      else refused(ended, 'target_failed')
      rmSync(at('target'), { recursive: true, force: true })
      done(await run('restore', 'archive', 'moved', '--overwrite'))
      assert.deepEqual(contentBelow(at('moved')), content)
      assert.deepEqual(readdirSync(at('moved')).toSorted(), ['Media', 'msgstore.db'])
      rmSync(at('moved'), { recursive: true })
    }
  },

  async 'the disk of Coffer’s own folder is full'() {
    disk('home', 40_000)
    await begin()
    day(500)
    const calls = await callsOf(...backupArgs)
    for (const n of moments(calls)) {
      day(500)
      const ended = await struck({ fill: at('home', 'ballast'), at: n }, ...backupArgs)
      // Once the backup is there, not being able to remember it is a warning.
      if (ended.code !== 0 && ended.code !== 1) refused(ended, 'local_full')
      rmSync(at('home', 'ballast'), { force: true })
      done(await backUp())
      await expectWhole(contentBelow(at('phone')))
      assert.deepEqual(readdirSync(at('home', 'tmp')), [])
    }
  },

  async 'Coffer’s own folder is read-only'() {
    disk('home', 40_000)
    const atFirst = await begin()
    remount('home', 'ro')
    day(500)
    refused(await backUp(), 'home_failed')
    refused(await run('forget', 'archive', '--keep', 'last:1'), 'home_failed')
    await expectWhole(atFirst)
    remount('home', 'rw')
    done(await backUp())
  },
}

const [, , name = ''] = process.argv
const scene = scenes[name]
try {
  if (name === '') process.stdout.write(JSON.stringify(Object.keys(scenes)))
  else if (scene) await scene()
  else throw new Error(`there is no scene “${name}”`)
} finally {
  for (const folder of mounted) execFileSync('umount', ['-l', folder])
  person.leave()
}
