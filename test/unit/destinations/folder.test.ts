import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { folderDestination } from '../../../main/core/destinations/folder.ts'
import { sharedDirectorySync } from '../../../main/core/destinations/folder-sync.ts'
import { destinationConformance } from './conformance.ts'
import { bytesOf, codeOf, collect, failureOf } from './looking.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coffer-folder-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

destinationConformance('folder', () =>
  Promise.resolve({ one: folderDestination(root), other: folderDestination(root) }),
)

describe('a folder', () => {
  it('holds nothing but the objects themselves after puts, replacements, refusals and asking the time', async () => {
    const folder = folderDestination(root)
    await folder.replace('coffer.json', bytesOf(10, 1), undefined)
    await folder.replace('coffer.json', bytesOf(10, 2), bytesOf(10, 1))
    await codeOf(folder.replace('coffer.json', bytesOf(10, 3), bytesOf(10, 1)))
    await folder.put('packs/a1', bytesOf(10, 1))
    await codeOf(folder.put('packs/a1', bytesOf(10, 1)))
    await folder.now()
    expect(readdirSync(root, { recursive: true }).toSorted()).toEqual(['coffer.json', 'packs', 'packs/a1'])
  })

  it('is unreachable, and never made anew, when its path is gone', async () => {
    const gone = join(root, 'disk')
    const folder = folderDestination(gone)
    const attempts = {
      list: () => collect(folder.list('packs')),
      top: () => collect(folder.list('')),
      get: () => folder.get('packs/a1'),
      put: () => folder.put('packs/a1', bytesOf(1, 1)),
      header: () => folder.replace('coffer.json', bytesOf(1, 1), undefined),
      delete: () => folder.delete('packs/a1'),
      now: () => folder.now(),
      free: () => folder.free(),
      tidy: () => folder.tidy(() => true),
    }
    for (const [what, attempt] of Object.entries(attempts))
      expect(await codeOf(attempt()), what).toBe('destination_unreachable')
    expect(existsSync(gone)).toBe(false)
  })

  it('is unreachable when a file lies at its path', async () => {
    writeFileSync(join(root, 'file'), 'x')
    const folder = folderDestination(join(root, 'file'))
    expect(await codeOf(collect(folder.list('')))).toBe('destination_unreachable')
    expect(await codeOf(folder.put('packs/a1', bytesOf(1, 1)))).toBe('destination_unreachable')
  })

  it('lists regular files only: no part files, links, pipes, folders', async () => {
    const folder = folderDestination(root)
    await folder.put('packs/a1', bytesOf(5, 1))
    writeFileSync(join(root, 'packs', '.a2.0123456789abcdef.part'), 'half')
    symlinkSync('/etc/passwd', join(root, 'packs', 'a3'))
    mkdirSync(join(root, 'packs', 'a4'))
    writeFileSync(join(root, 'packs', 'a1 (conflicted copy)\n'), 'odd')
    if (process.platform !== 'win32') execFileSync('mkfifo', [join(root, 'packs', 'a5')])
    expect((await collect(folder.list('packs'))).map(({ name }) => name).toSorted()).toEqual([
      'packs/a1',
      'packs/a1 (conflicted copy)\n',
    ])
  })

  it('finds no object in a link, a pipe or a folder, and does not wait for one', async () => {
    const folder = folderDestination(root)
    mkdirSync(join(root, 'packs', 'a4'), { recursive: true })
    symlinkSync('/etc/passwd', join(root, 'packs', 'a3'))
    if (process.platform !== 'win32') execFileSync('mkfifo', [join(root, 'packs', 'a5')])
    for (const name of ['packs/a3', 'packs/a4', 'packs/a5']) expect(await folder.get(name), name).toBeUndefined()
  })

  it('removes its own unfinished uploads at once, those of others after seven days, objects never', async () => {
    const folder = folderDestination(root)
    await folder.put('packs/a1', bytesOf(5, 1))
    const part = (name: string, days: number): void => {
      const path = join(root, 'packs', name)
      writeFileSync(path, 'half')
      const when = new Date(Date.now() - days * 86_400_000)
      utimesSync(path, when, when)
    }
    part('.ours.0123456789abcdef.part', 0)
    part('.theirs.0123456789abcdef.part', 6.9)
    part('.old.0123456789abcdef.part', 7.1)
    part('.DS_Store', 100)
    await folder.tidy((name) => name === 'packs/ours' || name === 'packs/a1')
    expect(readdirSync(join(root, 'packs')).toSorted()).toEqual(['.DS_Store', '.theirs.0123456789abcdef.part', 'a1'])
  })

  it('does not tidy away what it is writing at that moment', async () => {
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const folder = folderDestination(root, () => held)
    mkdirSync(join(root, 'packs'))
    const put = folder.put('packs/a1', bytesOf(2_000_000, 1))
    const tidied = folder.tidy(() => true)
    release()
    await Promise.all([put, tidied])
    expect(await folder.get('packs/a1')).toHaveLength(2_000_000)
  })

  it('fsyncs the folder after the object has its name, and the root when it makes the folder', async () => {
    const synced: { directory: string; content: string[] }[] = []
    const folder = folderDestination(root, (directory) => {
      synced.push({ directory, content: readdirSync(directory) })
      return Promise.resolve()
    })
    await folder.put('packs/a1', bytesOf(5, 1))
    await folder.delete('packs/a1')
    expect(synced).toEqual([
      { directory: root, content: ['packs'] },
      { directory: join(root, 'packs'), content: ['a1'] },
      { directory: join(root, 'packs'), content: [] },
    ])
  })

  it('says what is free', async () => {
    expect(await folderDestination(root).free()).toBeGreaterThan(0)
  })

  it.skipIf(process.platform === 'win32')(
    'is read-only where its permissions say so, and can still be read and asked the time',
    async () => {
      const folder = folderDestination(root)
      await folder.put('packs/a1', bytesOf(5, 1))
      chmodSync(join(root, 'packs'), 0o555)
      chmodSync(root, 0o555)
      // Permissions mean nothing to root: be somebody else for a moment.
      const isRoot = process.geteuid?.() === 0
      if (isRoot) process.seteuid?.(65534)
      try {
        expect(await failureOf(folder.put('packs/a2', bytesOf(5, 1)))).toMatchObject({
          code: 'destination_read_only',
          detail: { object: 'packs/a2', reason: 'EACCES' },
        })
        expect(await codeOf(folder.delete('packs/a1'))).toBe('destination_read_only')
        expect(await folder.get('packs/a1')).toHaveLength(5)
        expect(await folder.now()).toBeInstanceOf(Date)
      } finally {
        if (isRoot) process.seteuid?.(0)
        chmodSync(root, 0o700)
        chmodSync(join(root, 'packs'), 0o700)
      }
    },
  )
})

describe('directory fsyncs', () => {
  it('are shared by all who come while one is running, and none is covered by one that began before it came', async () => {
    const started: string[] = []
    const finish: (() => void)[] = []
    const sync = sharedDirectorySync((directory) => {
      started.push(directory)
      return new Promise((resolve) => finish.push(resolve))
    })
    const done: string[] = []
    const first = sync('a').then(() => done.push('first'))
    const late = ['second', 'third', 'fourth'].map((name) => sync('a').then(() => done.push(name)))
    const elsewhere = sync('b').then(() => done.push('b'))
    expect(started).toEqual(['a', 'b'])
    finish[0]?.()
    await first
    expect(done).toEqual(['first'])
    while (started.length < 3) await Promise.resolve()
    finish[1]?.()
    finish[2]?.()
    await Promise.all([...late, elsewhere])
    expect(started).toEqual(['a', 'b', 'a'])
  })

  it('that fail tell those who asked for them, and the next is tried all the same', async () => {
    const outcomes = [Promise.reject(new Error('EIO')), Promise.resolve(), Promise.resolve()]
    const sync = sharedDirectorySync(() => outcomes.shift() ?? Promise.reject(new Error('too many')))
    const first = sync('a')
    const second = sync('a')
    await expect(first).rejects.toThrow('EIO')
    await expect(second).resolves.toBeUndefined()
    await expect(sync('a')).resolves.toBeUndefined()
  })
})
