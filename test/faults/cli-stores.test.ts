import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createHash, randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { makeWhatsAppAndroid } from '../fixtures/make-whatsapp-android.ts'
import { complaints, makeClosed, rowsOf } from '../unit/stores/owned.ts'
import { openBytes, stateOf } from '../unit/stores/pages.ts'
import { startOwner, startWriter } from '../unit/stores/processes.ts'
import { describe as wordsOf, type ErrorCode } from '../../contract/errors.ts'
import { type Keeper, newKeeper } from './keeper.ts'

const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

/** A keeper, and a folder that is not Coffer's with a path for a store in it. */
async function keeperAndOwner(): Promise<{ keeper: Keeper; owner: string; path: string }> {
  const keeper = await newKeeper()
  const owner = keeper.at('owner')
  mkdirSync(owner)
  return { keeper, owner, path: join(owner, 'store.db') }
}

/** Backs the store up, and expects the restored database to be `expected`; the owner's folder stays as it is. */
async function expectBack(
  keeper: Keeper,
  path: string,
  expected: string | ((bytes: Buffer) => void) = digest(path),
): Promise<void> {
  const before = stateOf(dirname(path))
  const { code, said } = await keeper.backUp(path)
  expect([code, said]).toMatchObject([0, { warnings: [] }])
  expect(stateOf(dirname(path))).toEqual(before)
  const restored = join(await keeper.restore(said.snapshot), 'store.db')
  if (typeof expected === 'string') expect(digest(restored)).toBe(expected)
  else expected(readFileSync(restored))
  expect(readdirSync(keeper.at('home', 'tmp'))).toEqual([])
}

describe('a store that another program writes to every 5 ms', () => {
  it.each(['wal', 'delete'] as const)(
    'comes back as it was at one moment (%s)',
    { timeout: 120_000 },
    async (journal) => {
      const { keeper, owner, path } = await keeperAndOwner()
      const writer = await startWriter(path, { journal, seed: 7 })
      await writer.lap(150)
      for (let day = 0; day < 2; day++) {
        const { code, said } = await keeper.backUp(path)
        expect([code, said]).toMatchObject([0, { warnings: [] }])
        const restored = await keeper.restore(said.snapshot)
        expect(complaints(readFileSync(join(restored, 'store.db')))).toEqual([])
        // It was not stopped, and goes on.
        await writer.lap(20)
      }
      await writer.stop()
      expect(readdirSync(owner)).toEqual(['store.db'])
      expect(complaints(readFileSync(path))).toEqual([])
    },
  )
})

describe('a store that nobody has open', () => {
  it('comes back byte for byte, with pages of 512 and of 65536 bytes, one after the other in one archive', async () => {
    const { keeper, path } = await keeperAndOwner()
    for (const pageSize of [512, 65536]) {
      rmSync(path, { force: true })
      makeClosed(path, { pageSize })
      await expectBack(keeper, path)
    }
  })

  it('comes back as it was before and after VACUUM moved and dropped its pages', async () => {
    const { keeper, path } = await keeperAndOwner()
    makeClosed(path, { rows: 3000 })
    const before = digest(path)
    const { said } = await keeper.backUp(path)
    const db = new Database(path)
    db.exec('delete from t where id % 3 = 0; vacuum')
    db.close()
    await expectBack(keeper, path)
    expect(digest(join(await keeper.restore(said.snapshot), 'store.db'))).toBe(before)
  })

  it('comes back with the log that a killed owner left', async () => {
    const { keeper, path } = await keeperAndOwner()
    const program = await startOwner(path)
    await program.run(
      'pragma journal_mode = wal; create table t (a); insert into t values (1); insert into t values (2)',
    )
    await program.kill()
    await expectBack(keeper, path, (bytes) => expect(rowsOf(bytes)).toBe(2))
  })

  it('comes back as it was before the transaction in which its writer died', async () => {
    const { keeper, path } = await keeperAndOwner()
    makeClosed(path, { rows: 200 })
    const program = await startOwner(path)
    await program.run(
      'pragma cache_size = 5; begin immediate; update t set a = zeroblob(1000); insert into t (a) select a from t',
    )
    await program.kill()
    await expectBack(keeper, path, (bytes) => {
      expect(rowsOf(bytes)).toBe(200)
      expect(openBytes(bytes).pragma('integrity_check', { simple: true })).toBe('ok')
    })
  })

  it('is taken through a link under the link’s name, and in a folder by its usual name', async () => {
    const { keeper, owner, path } = await keeperAndOwner()
    makeClosed(path)
    symlinkSync(path, keeper.at('my messages.db'))
    expect(await keeper.backUp('my messages.db')).toMatchObject({
      code: 0,
      said: { databases: [{ path: 'my messages.db' }], warnings: [] },
    })
    expect((await keeper.restored()).get('my messages.db')).toBe(digest(path))
    const other = await newKeeper()
    makeWhatsAppAndroid(join(owner, 'msgstore.db'), { messages: 100 })
    expect(await other.backUp(owner)).toMatchObject({
      code: 0,
      said: { databases: [{ path: 'msgstore.db' }], warnings: [] },
    })
    expect((await other.restored()).get('msgstore.db')).toBe(digest(join(owner, 'msgstore.db')))
  })

  it('comes back from a folder that may not be written to', async () => {
    const keeper = await newKeeper({ ordinary: true })
    mkdirSync(keeper.at('owner'))
    const path = keeper.at('owner', 'store.db')
    makeClosed(path, { journal: 'wal' })
    // Made by whoever runs the tests; whoever runs Coffer may only read it.
    chmodSync(path, 0o444)
    chmodSync(keeper.at('owner'), 0o555)
    await expectBack(keeper, path)
    chmodSync(keeper.at('owner'), 0o755)
  })

  it('is backed up as it is where it is damaged, and its owner is told', async () => {
    const { keeper, path } = await keeperAndOwner()
    makeClosed(path, { rows: 200 })
    const bytes = readFileSync(path)
    writeFileSync(path, Buffer.concat([bytes.subarray(0, 40 * 4096), randomBytes(4096), bytes.subarray(41 * 4096)]))
    const { code, said } = await keeper.backUp(path)
    expect([code, said.warnings]).toMatchObject([1, [{ code: 'store_check_failed', message: expect.any(String) }]])
    const target = keeper.at('damaged')
    const ended = await keeper.coffer('restore', 'archive', target, '--key-file', 'key.txt', '--json')
    expect(ended.json).toMatchObject({ missing: [], warnings: [{ code: 'restored_damaged' }] })
    expect([ended.code, digest(join(target, 'store.db'))]).toEqual([1, digest(path)])
  })
})

describe('a store that cannot be read', () => {
  const cases: [string, ErrorCode, (path: string) => unknown][] = [
    ['nothing is there', 'store_not_found', () => undefined],
    ['a folder without a store', 'store_not_found', (path) => mkdirSync(path)],
    ['an empty file', 'store_empty', (path) => writeFileSync(path, '')],
    ['a text', 'store_encrypted', (path) => writeFileSync(path, 'Dear diary,\n'.repeat(1000))],
    ['noise', 'store_encrypted', (path) => writeFileSync(path, randomBytes(40_960))],
    ['only its first page', 'store_corrupt', (path) => (makeClosed(path, { rows: 200 }), truncateSync(path, 4096))],
    [
      'noise after its first hundred bytes',
      'store_corrupt',
      (path) => (
        makeClosed(path),
        writeFileSync(path, Buffer.concat([readFileSync(path).subarray(0, 100), randomBytes(60_000)]))
      ),
    ],
  ]
  it('is refused by what is wrong with it, in words, with exit code 6, and no backup is made', async () => {
    const { keeper, path } = await keeperAndOwner()
    for (const [what, code, make] of cases) {
      rmSync(path, { recursive: true, force: true })
      make(path)
      const { say, next } = wordsOf(code)
      expect(await keeper.backUp(path), what).toEqual({
        code: 6,
        said: { error: expect.objectContaining({ code, message: say, next, path }) },
      })
    }
    const { say, next } = wordsOf('store_empty')
    writeFileSync(path, '')
    const plain = await keeper.coffer('backup', path, 'archive', '--key-file', 'key.txt')
    expect(plain).toMatchObject({ code: 6, stdout: '', stderr: `${say}\n  path: ${path}\n${next}\n` })
    const listed = await keeper.coffer('snapshots', 'archive', '--key-file', 'key.txt', '--json')
    expect(listed.json).toEqual({ snapshots: [], warnings: [] })
    expect(readdirSync(keeper.at('home', 'tmp'))).toEqual([])
    expect(existsSync(keeper.at('archive', 'packs'))).toBe(false)
  })

  it('is locked: store_locked after some seconds of patience, and backed up once its owner lets go', async () => {
    const { keeper, path } = await keeperAndOwner()
    makeClosed(path)
    const program = await startOwner(path)
    await program.run('begin exclusive; insert into t (a) values (1)')
    expect(await keeper.backUp(path)).toMatchObject({ code: 6, said: { error: { code: 'store_locked', path } } })
    await program.run('commit')
    await program.close()
    await expectBack(keeper, path)
  })

  it('belongs to another kind than the archive does', async () => {
    const { keeper, path } = await keeperAndOwner()
    makeClosed(path)
    await expectBack(keeper, path)
    makeWhatsAppAndroid(path, { messages: 100 })
    expect(await keeper.backUp(path)).toMatchObject({
      code: 2,
      said: { error: { code: 'wrong_kind', archive: 'sqlite', store: 'whatsapp-android' } },
    })
  })
})
