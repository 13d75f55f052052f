import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { restore } from '../../main/core/jobs/restore.ts'
import { plain } from '../fixtures/job-options.ts'
import { TinyArchive } from '../fixtures/tiny-archive.ts'
import { tinyDatabase } from '../fixtures/tiny-database.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { openTiny } from '../fixtures/tiny-session.ts'

describe('a restore', () => {
  it('brings back every byte of databases and files, with their times, and leaves nothing else', async () => {
    const archive = new TinyArchive()
    const store = {
      databases: [
        { path: 'msgstore.db', pageSize: 1024, bytes: tinyDatabase() },
        { path: 'wa.db', pageSize: 4096, bytes: tinyDatabase({ pageSize: 4096, wal: true }) },
      ],
      files: [
        { path: 'Media/a.jpg', bytes: randomBytes(5000), modified: 1_234_567_890_123_456_789n },
        { path: 'Media/Sub/b.jpg', bytes: randomBytes(10), modified: -5_000_000_000n },
        { path: 'Media/empty', bytes: Buffer.alloc(0) },
        { path: 'Media/Sub/again.jpg', bytes: Buffer.alloc(70_000, 3) },
        { path: 'Media/Sub/twice.jpg', bytes: Buffer.alloc(70_000, 3) },
      ],
    }
    archive.add(store)
    const target = join(temporaryFolder(), 'new', 'folder')
    const result = await restore(await openTiny(archive), { ...plain, target })
    expect(result).toMatchObject({
      files: 7,
      integrity: 'ok',
      missing: [],
      warnings: [],
      snapshot: archive.manifests[0]?.snapshot,
    })
    expect(readdirSync(target, { recursive: true }).sort()).toEqual([
      'Media',
      'Media/Sub',
      'Media/Sub/again.jpg',
      'Media/Sub/b.jpg',
      'Media/Sub/twice.jpg',
      'Media/a.jpg',
      'Media/empty',
      'msgstore.db',
      'wa.db',
    ])
    for (const { path, bytes } of [...store.databases, ...store.files])
      expect(readFileSync(join(target, path)).equals(bytes), path).toBe(true)
    expect(result.bytes).toBe([...store.databases, ...store.files].reduce((sum, { bytes }) => sum + bytes.length, 0))
    expect(
      Number(statSync(join(target, 'Media/a.jpg'), { bigint: true }).mtimeNs - 1_234_567_890_123_456_789n),
    ).toBeLessThan(1000)
    expect(statSync(join(target, 'Media/Sub/b.jpg')).mtimeMs).toBe(-5000)
  })

  it('gives each snapshot its own pages and files', async () => {
    const archive = new TinyArchive()
    const stores = [0, 1, 2, 3].map((day) => ({
      databases: [
        {
          path: 'a.db',
          pageSize: 1024,
          bytes: tinyDatabase({ rows: 30 + day * 17 - (day === 3 ? 40 : 0), salt: day > 1 ? 'x' : '' }),
        },
      ],
      files: [0, 1, 2, 3, 4]
        .filter((n) => n !== day)
        .map((n) => ({ path: `M/${n}`, bytes: Buffer.from(`${n}${n === 4 ? day : ''}`.repeat(100)) })),
    }))
    for (const store of stores) archive.add(store)
    const session = await openTiny(archive)
    for (const [day, store] of stores.entries()) {
      const target = temporaryFolder()
      await restore(session, { ...plain, target, snapshot: archive.manifests[day]?.snapshot.slice(0, 9) })
      for (const { path, bytes } of [...store.databases, ...store.files])
        expect(readFileSync(join(target, path)).equals(bytes), `day ${day} ${path}`).toBe(true)
      expect(readdirSync(join(target, 'M')).length).toBe(store.files.length)
    }
  })

  it('writes nothing where files of the same name lie, and replaces them when asked to', async () => {
    const archive = new TinyArchive()
    const bytes = tinyDatabase()
    archive.add({
      databases: [{ path: 'a.db', pageSize: 1024, bytes }],
      files: [{ path: 'M/x', bytes: Buffer.from('new') }],
    })
    const session = await openTiny(archive)
    const target = temporaryFolder()
    mkdirSync(join(target, 'M'))
    writeFileSync(join(target, 'M/x'), 'old')
    writeFileSync(join(target, 'M/y'), 'other')
    await expect(restore(session, { ...plain, target })).rejects.toMatchObject({
      code: 'target_occupied',
      detail: { path: 'M/x' },
    })
    expect(readdirSync(target, { recursive: true }).sort()).toEqual(['M', 'M/x', 'M/y'])
    writeFileSync(join(target, 'a.db-wal'), 'stale')
    await restore(session, { ...plain, target, overwrite: true })
    expect(readdirSync(target, { recursive: true }).sort()).toEqual(['M', 'M/x', 'M/y', 'a.db'])
    expect(readFileSync(join(target, 'M/x'), 'utf8')).toBe('new')
    expect(readFileSync(join(target, 'M/y'), 'utf8')).toBe('other')
  })
})
