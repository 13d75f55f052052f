import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { restore, type RestoreOptions } from '../../main/core/jobs/restore.ts'
import { namesBelow } from '../fixtures/files-below.ts'
import { plain } from '../fixtures/job-options.ts'
import { TinyArchive } from '../fixtures/tiny-archive.ts'
import { tinyDatabase } from '../fixtures/tiny-database.ts'
import type { TinyFile } from '../fixtures/tiny-layers.ts'
import { fakeOpenWorkers } from '../fixtures/fake-open-worker.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { openTiny } from '../fixtures/tiny-session.ts'

async function restoreFiles(files: TinyFile[], options: Partial<RestoreOptions> & { target: string }) {
  const archive = new TinyArchive()
  archive.add({ databases: [], files })
  return restore(await openTiny(archive, { workers: fakeOpenWorkers }), { ...plain, ...options })
}

const content = Buffer.from('what it holds')

describe.skipIf(process.platform === 'win32')('names', () => {
  it.skipIf(process.platform !== 'linux')('of every kind come back exactly as they were under Linux', async () => {
    const names = [
      'CON',
      'con.txt',
      'new\nline',
      '😀😀',
      'a'.repeat(255),
      'ü'.repeat(127),
      '-rf',
      ' ',
      'x.',
      'x ',
      'back\\slash',
      'c:colon',
      '?*<>|"',
      'NUL.tar.gz',
      'İ',
      'i̇',
      'é',
      'e\u0301',
      'A',
      '~',
      '...',
      '$(id)',
      '%s%n',
      '.coffer-restore-0123456789abcdef',
    ]
    const paths = [
      ...names.map((name) => Buffer.from(`Media/${name}`)),
      Buffer.from('4d656469612fff00fe'.replace('00', '80'), 'hex'),
      Buffer.from(`Media/deep/${'d/'.repeat(60)}x`),
    ]
    const target = temporaryFolder()
    const result = await restoreFiles(
      paths.map((path) => ({ path, bytes: Buffer.concat([content, path]) })),
      { target },
    )
    expect(result).toMatchObject({ files: paths.length, warnings: [] })
    expect(namesBelow(target)).toEqual(paths.map((path) => path.toString('latin1')).sort())
    for (const path of paths)
      expect(readFileSync(Buffer.concat([Buffer.from(`${target}/`), path]))).toEqual(Buffer.concat([content, path]))
  })

  it.each(['/absolute', '../escape', 'M/../../escape', 'M//x', 'M/./x', 'M/x\0y', '..'])(
    'that lead elsewhere, such as %j, make the archive damaged; nothing is written',
    async (path) => {
      const around = temporaryFolder()
      const target = join(around, 'inner', 'target')
      const files = [
        { path: 'A/fine', bytes: content },
        { path, bytes: content },
      ]
      await expect(restoreFiles(files, { target })).rejects.toMatchObject({ code: 'map_damaged' })
      expect(namesBelow(around)).toEqual([])
      expect(existsSync('/absolute')).toBe(false)
      // Salvage brings back the rest and lists it.
      const result = await restoreFiles(files, { target, salvage: true })
      expect(result.missing).toEqual([{ path, bytes: content.length }])
      expect(namesBelow(around)).toEqual(['inner/target/A/fine'])
    },
  )

  it('of databases must be names: one with a folder makes the archive damaged', async () => {
    for (const path of ['a/b.db', '../b.db', '/b.db', '..']) {
      const archive = new TinyArchive()
      archive.add({ databases: [{ path, pageSize: 1024, bytes: tinyDatabase() }], files: [] })
      const around = temporaryFolder()
      await expect(
        restore(await openTiny(archive, { workers: fakeOpenWorkers }), { ...plain, target: join(around, 't') }),
      ).rejects.toMatchObject({ code: 'map_damaged' })
      expect(namesBelow(around)).toEqual([])
    }
  })

  it('that SQLite would take for a part of a database are changed, and reported', async () => {
    const archive = new TinyArchive()
    const bytes = tinyDatabase({ wal: true })
    archive.add({
      databases: [{ path: 'a.db', pageSize: 1024, bytes }],
      files: ['a.db-journal', 'a.db-wal', 'a.db-shm'].map((path) => ({ path, bytes: content })),
    })
    const target = temporaryFolder()
    const result = await restore(await openTiny(archive), { ...plain, target })
    expect(namesBelow(target)).toEqual(['a (2).db-journal', 'a (2).db-shm', 'a (2).db-wal', 'a.db'])
    expect(result.warnings).toContainEqual({ code: 'name_changed', detail: { path: 'a.db-wal', name: 'a (2).db-wal' } })
    expect(result.integrity).toBe('ok')
  })
})

describe.skipIf(process.platform === 'win32')('a target that is occupied', () => {
  const files = [
    { path: 'M/Sub/x', bytes: content },
    { path: 'M/y', bytes: content },
  ]

  it('is left as it is, whatever lies in the way, and however deep', async () => {
    for (const inTheWay of ['M/Sub/x', 'M/y', 'M/Sub', 'M']) {
      const target = temporaryFolder()
      if (inTheWay !== 'M') mkdirSync(join(target, inTheWay, '..'), { recursive: true })
      writeFileSync(join(target, inTheWay), 'mine')
      await expect(restoreFiles(files, { target }), inTheWay).rejects.toMatchObject({
        code: 'target_occupied',
        detail: { path: inTheWay },
      })
      expect(namesBelow(target), inTheWay).toEqual([inTheWay])
    }
  })

  it('keeps what else lies in its folders', async () => {
    const target = temporaryFolder()
    mkdirSync(join(target, 'M/Sub'), { recursive: true })
    writeFileSync(join(target, 'M/Sub/mine'), 'mine')
    await restoreFiles(files, { target })
    expect(namesBelow(target)).toEqual(['M/Sub/mine', 'M/Sub/x', 'M/y'])
  })

  it('is never left through a link: not by folders, not by files, not when overwriting', async () => {
    for (const overwrite of [false, true]) {
      const [target, elsewhere] = [temporaryFolder(), temporaryFolder()]
      mkdirSync(join(target, 'M'))
      symlinkSync(elsewhere, join(target, 'M/Sub'))
      await expect(restoreFiles(files, { target, overwrite })).rejects.toMatchObject({
        code: 'target_occupied',
        detail: { path: 'M/Sub', found: 'a link' },
      })
      expect([namesBelow(elsewhere), namesBelow(target)]).toEqual([[], ['M/Sub']])
    }
    const [target, elsewhere] = [temporaryFolder(), temporaryFolder()]
    writeFileSync(join(elsewhere, 'victim'), 'mine')
    mkdirSync(join(target, 'M'))
    symlinkSync(join(elsewhere, 'victim'), join(target, 'M/y'))
    await expect(restoreFiles(files, { target })).rejects.toMatchObject({ code: 'target_occupied' })
    await restoreFiles(files, { target, overwrite: true })
    expect(readFileSync(join(elsewhere, 'victim'), 'utf8')).toBe('mine')
    expect(lstatSync(join(target, 'M/y')).isFile()).toBe(true)
    // One that leads nowhere is in the way as well.
    symlinkSync(join(elsewhere, 'nowhere'), join(target, 'dangling'))
    await expect(restoreFiles([{ path: 'dangling', bytes: content }], { target })).rejects.toMatchObject({
      code: 'target_occupied',
    })
    expect(readlinkSync(join(target, 'dangling'))).toBe(join(elsewhere, 'nowhere'))
  })

  it('may itself be reached through a link, since the person chose it', async () => {
    const [real, around] = [temporaryFolder(), temporaryFolder()]
    symlinkSync(real, join(around, 'link'))
    await restoreFiles(files, { target: join(around, 'link') })
    expect(namesBelow(real)).toEqual(['M/Sub/x', 'M/y'])
  })

  it('never has a folder replaced by a file', async () => {
    const target = temporaryFolder()
    mkdirSync(join(target, 'M/y/deep'), { recursive: true })
    await expect(restoreFiles(files, { target, overwrite: true })).rejects.toMatchObject({
      code: 'target_occupied',
      detail: { found: 'a folder' },
    })
  })

  it('keeps the log of another database of the same name from being mixed into the restored one', async () => {
    const archive = new TinyArchive()
    const bytes = tinyDatabase({ wal: true })
    archive.add({ databases: [{ path: 'a.db', pageSize: 1024, bytes }], files: [] })
    const session = await openTiny(archive)
    for (const ending of ['-wal', '-shm', '-journal']) {
      const target = temporaryFolder()
      writeFileSync(join(target, `a.db${ending}`), 'stale')
      await expect(restore(session, { ...plain, target })).rejects.toMatchObject({
        code: 'target_occupied',
        detail: { path: `a.db${ending}` },
      })
      await restore(session, { ...plain, target, overwrite: true })
      expect(namesBelow(target)).toEqual(['a.db'])
      expect(readFileSync(join(target, 'a.db')).equals(bytes)).toBe(true)
    }
  })

  it('that is a file cannot be restored to', async () => {
    const target = join(temporaryFolder(), 'file')
    writeFileSync(target, 'mine')
    await expect(restoreFiles(files, { target })).rejects.toMatchObject({ code: 'target_failed' })
    await expect(restoreFiles(files, { target: join(target, 'below') })).rejects.toMatchObject({
      code: 'target_failed',
    })
    expect(readFileSync(target, 'utf8')).toBe('mine')
  })

  it.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)(
    'that cannot be written to is left as it is',
    async () => {
      const target = temporaryFolder()
      try {
        execFileSync('chattr', ['+i', target], { stdio: 'ignore' })
      } catch {
        // Not every file system has this switch; there is no other way to refuse root.
        return
      }
      try {
        await expect(restoreFiles(files, { target })).rejects.toMatchObject({ code: 'target_failed' })
      } finally {
        execFileSync('chattr', ['-i', target])
      }
      expect(namesBelow(target)).toEqual([])
    },
  )
})
