import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openSqlite } from '../../../vault/store/sqlite.ts'
import { StorageUnavailable, StorageUnfit, type Storage } from '../../../vault/store/storage.ts'
import { Random } from '../../fixtures/random.ts'
import { chooseSeed } from '../../faults/seed.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { checkWhole, look, put, rid, row } from './storage-samples.ts'

const newFile = (): string => join(temporaryFolder(), 'vault.db')

async function opened(file: string, patience = 5000): Promise<Storage> {
  const storage = await openSqlite({ file, now: Date.now, patience })
  onTestFinished(() => storage.close())
  return storage
}

describe('the file of a vault', () => {
  it.skipIf(process.platform === 'win32')('is for its owner only, and so is its log', async () => {
    const file = newFile()
    await put(await opened(file), [row('a')])
    for (const name of ['', '-wal', '-shm']) expect(statSync(file + name).mode & 0o777).toBe(0o600)
  })

  it.each([
    ['another program’s', (db: Database.Database) => db.exec('PRAGMA application_id = 7; CREATE TABLE rows (rid)')],
    ['one without a name', (db: Database.Database) => db.exec('CREATE TABLE rows (rid)')],
    [
      'another layout’s',
      (db: Database.Database) => db.exec('PRAGMA application_id = 1131378262; PRAGMA user_version = 2'),
    ],
  ])('%s database is refused and left as it is', async (_, make) => {
    const file = newFile()
    const db = new Database(file)
    make(db)
    db.close()
    const before = readFileSync(file)
    await expect(opened(file)).rejects.toThrow(StorageUnfit)
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it('is refused when somebody added a trigger, or when it is no database', async () => {
    const file = newFile()
    await (await opened(file)).close()
    const db = new Database(file)
    db.exec("CREATE TRIGGER t AFTER INSERT ON log BEGIN UPDATE rows SET bytes = x'00'; END")
    db.close()
    await expect(opened(file)).rejects.toThrow(StorageUnfit)
    const text = newFile()
    writeFileSync(text, 'not a database '.repeat(100))
    await expect(opened(text)).rejects.toThrow(StorageUnfit)
    await expect(opened(join(temporaryFolder(), 'none', 'vault.db'))).rejects.toThrow(StorageUnavailable)
  })

  it('is never made anew while a vault runs on it', async () => {
    const file = newFile()
    const storage = await opened(file)
    await put(storage, [row('a')])
    rmSync(file)
    await expect(put(storage, [row('a', 'b')])).rejects.toThrow(StorageUnavailable)
    await expect(storage.head()).rejects.toThrow(StorageUnavailable)
    expect(existsSync(file)).toBe(false)
  })

  it('is seen as what it is when an older copy takes its place', async () => {
    const file = newFile()
    const storage = await opened(file)
    await put(storage, [row('a', 'old')])
    await storage.scrub()
    copyFileSync(file, `${file}.copy`)
    await put(storage, [row('a', 'new')])
    for (const name of ['-wal', '-shm']) rmSync(file + name)
    renameSync(`${file}.copy`, file)
    const seen = await look(storage, ['a'])
    expect([seen.head?.place, seen.rows.get(rid('a').toString('hex'))?.bytes.toString()]).toEqual([1, 'old'])
  })
})

describe('another process at the same database', () => {
  it('is waited for as long as patience lasts, and no longer', async () => {
    const file = newFile()
    const storage = await opened(file, 50)
    await put(storage, [row('a')])
    const other = new Database(file)
    onTestFinished(() => void other.close())
    other.exec('BEGIN IMMEDIATE')
    let decided = false
    const group = storage.group({ rids: [], after: 0, notes: [] }, async () => ({ value: (decided = true) }))
    await expect(group).rejects.toThrow(StorageUnavailable)
    expect(decided).toBe(false)
    // Reading goes on meanwhile.
    expect((await storage.head())?.place).toBe(1)
    const waiting = opened(file).then((patient) => put(patient, [row('b')]))
    other.exec('ROLLBACK')
    expect(await waiting).toBe(2)
  })

  it('keeps overwritten bytes from being scrubbed away only as long as it reads them', async () => {
    const file = newFile()
    const storage = await opened(file, 50)
    await put(storage, [row('a', 'secret')])
    const other = new Database(file)
    onTestFinished(() => void other.close())
    other.exec('BEGIN; SELECT count(*) FROM rows')
    other.prepare('SELECT count(*) FROM rows').get()
    await put(storage, [row('a', 'gone')])
    await expect(storage.scrub()).rejects.toThrow(StorageUnavailable)
    other.exec('COMMIT')
    await storage.scrub()
    expect(statSync(`${file}-wal`).size).toBe(0)
  })
})

describe('what was overwritten', () => {
  const seed = chooseSeed('scrub')

  it('lies nowhere in the files after scrubbing, whatever was written around it', async () => {
    const random = new Random(seed)
    const folder = join(temporaryFolder(), 'vault')
    mkdirSync(folder)
    const storage = await opened(join(folder, 'vault.db'))
    const marker = (name: number): string => `secret-of-${String(name).padStart(6, '0')}-`
    const secret = (name: number): string => marker(name).repeat(5 + random.below(300))
    const count = 400
    const destroyed = new Set<number>()
    for (let at = 0; at < count; at += 8) {
      const names = Array.from({ length: 8 }, (_, index) => at + index)
      await put(
        storage,
        names.map((name) => row(name, secret(name))),
      )
      // Rows change their length all the time, and move about in their pages as they do.
      const again = Array.from(new Set(Array.from({ length: 6 }, () => random.below(at + 8)))).filter(
        (it) => !destroyed.has(it),
      )
      await put(
        storage,
        again.map((name) => row(name, secret(name))),
      )
      const victims = again.filter(() => random.chance(0.5))
      await put(
        storage,
        victims.map((name) => row(name, 'tombstone')),
      )
      for (const name of victims) destroyed.add(name)
      if (random.chance(0.2)) await storage.scrub()
    }
    await storage.scrub()
    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)))
    const found = (name: number): boolean => files.some((bytes) => bytes.includes(marker(name)))
    expect(destroyed.size).toBeGreaterThan(50)
    expect([...destroyed].filter(found), `seed ${seed}`).toEqual([])
    // The living are there, so the search does find what is to be found.
    expect(
      Array.from({ length: count }, (_, name) => name).filter((name) => !destroyed.has(name) && !found(name)),
    ).toEqual([])
    await checkWhole(
      storage,
      Array.from({ length: count }, (_, name) => name),
    )
  })
})
