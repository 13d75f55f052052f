import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { restore } from '../../main/core/jobs/restore.ts'
import { probeRules } from '../../main/core/jobs/restore/probe.ts'
import { selection } from '../../main/core/jobs/restore/selection.ts'
import { faultyDestination } from '../faults/fault-destination.ts'
import { dyingOpenWorkers, fakeOpenWorkers } from '../fixtures/fake-open-worker.ts'
import { namesBelow } from '../fixtures/files-below.ts'
import { plain } from '../fixtures/job-options.ts'
import { TinyArchive } from '../fixtures/tiny-archive.ts'
import { tinyDatabase } from '../fixtures/tiny-database.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { openTiny } from '../fixtures/tiny-session.ts'

describe('a selection', () => {
  it.each([
    [['msgstore.db'], ['msgstore.db']],
    [['*.db'], ['msgstore.db', 'wa.db']],
    [['Media'], ['Media/.thumb/x.db-thumb', 'Media/Images/a.jpg', 'Media/Images/b.png', 'Media/Voice/c.opus']],
    [['Media/Images'], ['Media/Images/a.jpg', 'Media/Images/b.png']],
    [['/Media/Images/'], ['Media/Images/a.jpg', 'Media/Images/b.png']],
    [['Media/*/*.{jpg,opus}'], ['Media/Images/a.jpg', 'Media/Voice/c.opus']],
    [['Media/**'], ['Media/.thumb/x.db-thumb', 'Media/Images/a.jpg', 'Media/Images/b.png', 'Media/Voice/c.opus']],
    [
      ['*.jpg', 'wa.db'],
      ['Media/Images/a.jpg', 'wa.db'],
    ],
    [['Images/*'], []],
    [['!wa.db'], []],
    [['media'], []],
  ])('of %j brings %j', (patterns, expected) => {
    const paths = [
      'Media/.thumb/x.db-thumb',
      'Media/Images/a.jpg',
      'Media/Images/b.png',
      'Media/Voice/c.opus',
      'msgstore.db',
      'wa.db',
    ]
    expect(paths.filter(selection(patterns))).toEqual(expected)
  })
})

describe('a restore of a part', () => {
  const archive = new TinyArchive()
  const database = tinyDatabase()
  // A backup a day, so that each has packs of its own.
  archive.add({ databases: [{ path: 'a.db', pageSize: 1024, bytes: database }], files: [] })
  const files = [1, 2, 3].map((n) => ({ path: `M/${n}`, bytes: randomBytes(2000) }))
  for (const n of [1, 2, 3])
    archive.add({ databases: [{ path: 'a.db', pageSize: 1024, bytes: database }], files: files.slice(0, n) })

  it('brings only that, and fetches only the packs that hold it', async () => {
    const destination = faultyDestination(archive.destination)
    const session = await openTiny(archive, { destination, workers: fakeOpenWorkers })
    const target = temporaryFolder()
    const result = await restore(session, { ...plain, target, only: ['M/1'] })
    expect(result).toMatchObject({ files: 1, bytes: 2000, integrity: 'ok', missing: [] })
    expect(namesBelow(target)).toEqual(['M/1'])
    const [first] = archive.manifests
    // The database's pages and their map lie in the first backup's pack, which nothing else needs.
    expect(destination.calls.filter(({ name }) => name === `packs/${first?.databases[0]?.layers[0]?.pack}`)).toEqual([])
  })

  it('says so when nothing matches, and makes no folder for it', async () => {
    const target = join(temporaryFolder(), 'new')
    await expect(restore(await openTiny(archive), { ...plain, target, only: ['N/**'] })).rejects.toMatchObject({
      code: 'nothing_matches',
    })
    expect(existsSync(target)).toBe(false)
  })

  it('is not hindered by damage of what it does not need', async () => {
    const copy = archive.destination.copy()
    const [first] = archive.manifests
    copy.objects.delete(`packs/${first?.databases[0]?.layers[0]?.pack}`)
    const session = await openTiny(archive, { destination: copy, workers: fakeOpenWorkers })
    const target = temporaryFolder()
    expect(await restore(session, { ...plain, target, only: ['M'] })).toMatchObject({ files: 3, missing: [] })
    await expect(restore(session, { ...plain, target: temporaryFolder() })).rejects.toMatchObject({
      code: 'pack_missing',
    })
  })
})

describe('a restore that does not come to its end', () => {
  const archive = new TinyArchive()
  const bytes = tinyDatabase({ rows: 200 })
  archive.add({
    databases: [{ path: 'a.db', pageSize: 1024, bytes }],
    files: Array.from({ length: 30 }, (_, n) => ({ path: `M/${n}`, bytes: randomBytes(3000) })),
  })

  // One pack a file, so that there are more stretches to fetch than buffers.
  const wide = new TinyArchive()
  const many = Array.from({ length: 20 }, (_, n) => ({ path: `M/${n}`, bytes: randomBytes(100) }))
  for (let n = 1; n <= many.length; n++) wide.add({ databases: [], files: many.slice(0, n) })

  it('leaves nothing when it is cancelled, at whatever step', async () => {
    let steps = 0
    await restore(await openTiny(archive), { ...plain, target: temporaryFolder(), onProgress: () => void steps++ })
    for (let at = 1; at <= steps; at += 5) {
      const around = temporaryFolder()
      const stop = new AbortController()
      let seen = 0
      const options = { ...plain, signal: stop.signal, onProgress: () => void (++seen === at && stop.abort()) }
      await expect(
        restore(await openTiny(archive, { workers: fakeOpenWorkers }), { ...options, target: join(around, 'a/b') }),
      ).rejects.toMatchObject({ code: 'cancelled' })
      expect(readdirSync(around), `step ${at}`).toEqual([])
    }
    const stopped = AbortSignal.abort()
    await expect(
      restore(await openTiny(archive), { ...plain, signal: stopped, target: temporaryFolder() }),
    ).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('leaves nothing when the destination fails, at whatever call', async () => {
    const counting = faultyDestination(archive.destination)
    await restore(await openTiny(archive, { destination: counting, workers: fakeOpenWorkers }), {
      ...plain,
      target: temporaryFolder(),
    })
    for (let at = 2; at <= counting.calls.length; at++)
      for (const lasting of ['once', 'forever'] as const) {
        const around = temporaryFolder()
        const destination = faultyDestination(archive.destination, { at, lasting })
        const session = await openTiny(archive, { destination, workers: fakeOpenWorkers })
        await expect(restore(session, { ...plain, target: join(around, 't') }), `call ${at}`).rejects.toMatchObject({
          code: 'destination_failed',
        })
        expect(readdirSync(around), `call ${at}`).toEqual([])
      }
  })

  it('never goes on with salvage when the destination is only out of reach', async () => {
    const destination = faultyDestination(archive.destination, { at: 2, kind: 'get', name: /^packs/ })
    const session = await openTiny(archive, { destination, workers: fakeOpenWorkers })
    await expect(restore(session, { ...plain, salvage: true, target: temporaryFolder() })).rejects.toMatchObject({
      code: 'destination_failed',
    })
  })

  it('fails, and leaves nothing, when its workers die', async () => {
    for (let tasks = 1; tasks < 4; tasks++) {
      const around = temporaryFolder()
      const session = await openTiny(wide, { workers: dyingOpenWorkers(tasks) })
      await expect(restore(session, { ...plain, target: join(around, 't') })).rejects.toThrow('out of memory')
      expect(readdirSync(around)).toEqual([])
    }
  })

  it('sweeps away what killed ones left, and nothing else', async () => {
    const target = temporaryFolder()
    const leftover = (name: string, owner: unknown): void => {
      mkdirSync(join(target, name, 'files/M'), { recursive: true })
      writeFileSync(join(target, name, 'files/M/half'), 'half a message')
      writeFileSync(join(target, name, 'owner.json'), JSON.stringify(owner))
    }
    leftover('.coffer-restore-00000000000000aa', { pid: 4194305, host: hostname() })
    leftover('.coffer-restore-00000000000000bb', { pid: 1, host: hostname() })
    leftover('.coffer-restore-00000000000000cc', { pid: 1, host: 'elsewhere' })
    leftover('.coffer-restore-mine', { pid: 4194305, host: hostname() })
    await restore(await openTiny(archive), { ...plain, target })
    // Process 1 always runs; another computer's may; the last is no name of ours.
    expect(readdirSync(target).sort()).toEqual([
      '.coffer-restore-00000000000000bb',
      '.coffer-restore-00000000000000cc',
      '.coffer-restore-mine',
      'M',
      'a.db',
    ])
  })

  it('shows nobody else what it restores', async () => {
    const target = temporaryFolder()
    await restore(await openTiny(archive), { ...plain, target })
    if (process.platform === 'win32') return
    expect(statSync(join(target, 'a.db')).mode & 0o077).toBe(0)
    expect(statSync(join(target, 'M')).mode & 0o077).toBe(0)
    expect(statSync(join(target, 'M/1')).mode & 0o077).toBe(0)
  })
})

describe('a target with other rules', () => {
  it('is recognised by trying', () => {
    const folder = temporaryFolder()
    const rules = probeRules(folder)
    // Whatever disk the tests run on: what was found out must hold for other names too.
    writeFileSync(join(folder, 'Other'), '')
    expect(rules.ignoresCase).toBe(existsSync(join(folder, 'oTHER')))
    if (process.platform === 'linux')
      expect(rules).toMatchObject({ windows: false, rawBytes: true, ignoresForm: false })
    if (process.platform === 'darwin')
      expect(rules).toMatchObject({ windows: false, rawBytes: false, ignoresForm: true })
    if (process.platform === 'win32') expect(rules.windows).toBe(true)
  })

  it('gets every file, those under other names reported', async () => {
    const archive = new TinyArchive()
    const files = ['M/IMG.jpg', 'M/img.jpg', 'M/aux', 'm/x', 'N/a:b'].map((path) => ({
      path,
      bytes: Buffer.from(path),
    }))
    archive.add({ databases: [], files })
    const target = temporaryFolder()
    const probe = () => ({ windows: true, rawBytes: false, ignoresCase: true, ignoresForm: false })
    const result = await restore(await openTiny(archive), { ...plain, target, probe })
    const renamed = { 'M/aux': 'M/_aux', 'M/img.jpg': 'M/img (2).jpg', 'N/a:b': 'N/a_b', m: 'm (2)' }
    expect(result.warnings).toEqual(
      Object.entries(renamed).map(([path, name]) => ({ code: 'name_changed', detail: { path, name } })),
    )
    expect(namesBelow(target)).toEqual(['M/IMG.jpg', 'M/_aux', 'M/img (2).jpg', 'N/a_b', 'm (2)/x'])
    expect(readFileSync(join(target, 'm (2)/x'), 'utf8')).toBe('m/x')
  })
})

describe('a database that was damaged before it was backed up', () => {
  it('comes back as it was, with a warning', async () => {
    const archive = new TinyArchive()
    const bytes = tinyDatabase({ rows: 300 })
    bytes.fill(0xee, 3 * 1024, 4 * 1024)
    archive.add({
      databases: [
        { path: 'a.db', pageSize: 1024, bytes },
        { path: 'b.db', pageSize: 512, bytes: randomBytes(1024) },
      ],
      files: [],
    })
    const target = temporaryFolder()
    const result = await restore(await openTiny(archive), { ...plain, target })
    expect(readFileSync(join(target, 'a.db')).equals(bytes)).toBe(true)
    expect(namesBelow(target)).toEqual(['a.db', 'b.db'])
    expect(result.integrity).not.toBe('ok')
    expect(result.warnings).toMatchObject([
      { code: 'restored_damaged', detail: { database: 'a.db' } },
      { code: 'restored_damaged', detail: { database: 'b.db' } },
    ])
    expect(result.missing).toEqual([])
    const unchecked = await restore(await openTiny(archive), { ...plain, target: temporaryFolder(), quickCheck: false })
    expect(unchecked).toMatchObject({ integrity: 'not checked', warnings: [], files: 2 })
  })
})
