import { mkdirSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CofferError } from '../../../contract/errors.ts'
import { openStore } from '../../../main/core/stores/open-store.ts'
import { requireRoom } from '../../../main/core/stores/private-copy.ts'
import { makeWhatsAppAndroid } from '../../fixtures/make-whatsapp-android.ts'
import { mainBytes, makeClosed, places, withSnapshot } from './owned.ts'
import { startOwner } from './processes.ts'
import { logOfOneCommit } from './wal-file.ts'

describe('a path without a store', () => {
  it('is refused by what is wrong with it', async () => {
    const { owner, tmp } = places()
    const files = {
      empty: Buffer.alloc(0),
      short: Buffer.from('SQLite format 3\0'),
      text: Buffer.from('Dear diary,\n'.repeat(100)),
    }
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(owner, name), bytes)
    const expected = {
      empty: 'store_empty',
      short: 'store_encrypted',
      text: 'store_encrypted',
      nothing: 'store_not_found',
      '.': 'store_not_found',
      'text/below': 'store_not_found',
    }
    for (const [name, code] of Object.entries(expected)) {
      await expect(openStore({ path: join(owner, name), tmp })).rejects.toMatchObject({
        code,
        detail: { path: join(owner, name) },
      })
    }
  })

  it('is refused when its page size is none of SQLite', async () => {
    const { path, tmp } = places()
    makeClosed(path)
    const bytes = readFileSync(path)
    bytes.writeUInt16BE(1000, 16)
    writeFileSync(path, bytes)
    await expect(openStore({ path, tmp })).rejects.toMatchObject({ code: 'store_encrypted' })
  })
})

describe('a folder', () => {
  it('is searched for a store of the usual name', async () => {
    const { owner, tmp } = places()
    makeWhatsAppAndroid(join(owner, 'msgstore.db'), { messages: 50 })
    expect((await openStore({ path: owner, tmp })).path).toBe(join(owner, 'msgstore.db'))
  })
})

describe('a damaged store', () => {
  it('that was cut off is refused as corrupt, and leaves nothing behind', async () => {
    const { path, tmp } = places()
    makeClosed(path)
    truncateSync(path, 20_000)
    const store = await openStore({ path, tmp })
    await expect(store.snapshot()).rejects.toMatchObject({ code: 'store_corrupt', detail: { path } })
    expect(readdirSync(tmp)).toEqual([])
  })

  it('whose messages cannot be counted is still taken, with a warning and the lines of the check', async () => {
    const { path, tmp } = places()
    makeWhatsAppAndroid(path, { messages: 3000 })
    const bytes = readFileSync(path)
    // Every page but those of the schema: whatever table is read meets nonsense.
    bytes.fill(0xa5, 40 * 4096)
    writeFileSync(path, bytes)
    await withSnapshot(path, tmp, async (snapshot) => {
      expect(mainBytes(snapshot).equals(bytes)).toBe(true)
      expect(await snapshot.summarise()).toEqual({ chats: 0, messages: 0, newest: null })
      expect(snapshot.warnings).toEqual([{ code: 'store_check_failed', detail: { path } }])
      expect((await snapshot.quickCheck()).length).toBeGreaterThan(0)
    })
  })

  it('gives a snapshot or a code, never another error, wherever its bytes are flipped', async () => {
    const { owner, tmp } = places()
    const whole = join(owner, 'whole.db')
    makeWhatsAppAndroid(whole, { messages: 40, chats: 4 })
    const bytes = readFileSync(whole)
    const path = join(owner, 'store.db')
    // Mostly in the first pages, where the header and the schema are.
    const place = fc.oneof(fc.nat(200), fc.nat(3 * 4096), fc.nat(bytes.length - 1))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 8 }), async (flips) => {
        const damaged = Buffer.from(bytes)
        for (const [at, value] of flips) damaged[at] = value
        writeFileSync(path, damaged)
        try {
          const inspection = await (await openStore({ path, tmp, patience: { locked: 2, changed: 3 } })).inspect()
          expect(inspection.databases).toHaveLength(1)
        } catch (error) {
          expect(error).toBeInstanceOf(CofferError)
        }
      }),
      { numRuns: 40 },
    )
    expect(readdirSync(tmp)).toEqual([])
  })
})

describe('the check of a store', () => {
  it('finds damage also where a full-text index needs a tokenizer that only the messenger has', async () => {
    const { path, tmp } = places()
    makeClosed(path)
    const db = new Database(path)
    db.exec(
      'create table b (a text); insert into b values (1); create index b_a on b (a); create virtual table f using fts4(a, tokenize=simple); insert into f values (hex(randomblob(1000)))',
    )
    db.unsafeMode()
    db.pragma('writable_schema = on')
    db.exec(`update sqlite_schema set sql = replace(sql, 'simple', 'theirs') where name = 'f'`)
    db.exec('create table gone as select hex(randomblob(4000)) as a; drop table gone')
    const rootOf = (name: string) =>
      Number(db.prepare<[string], number>('select rootpage from sqlite_schema where name = ?').pluck().get(name))
    const roots = { table: rootOf('t'), index: rootOf('b_a'), fullText: rootOf('f_content') }
    const trunk = readFileSync(path).readUInt32BE(32)
    db.close()
    expect(await withSnapshot(path, tmp, (snapshot) => snapshot.quickCheck())).toEqual([])
    const bytes = readFileSync(path)
    for (const [what, page] of Object.entries({ ...roots, trunk })) {
      const damaged = Buffer.from(bytes)
      damaged.fill(0xff, (page - 1) * 4096 + (what === 'trunk' ? 0 : 40), page * 4096)
      writeFileSync(path, damaged)
      const complaints = await withSnapshot(path, tmp, (snapshot) => snapshot.quickCheck())
      expect(complaints.length, what).toBeGreaterThan(0)
    }
  })

  it.each([
    ['an index needs an order', 'create index b_a on b (a)', 'create index b_a on b (a collate theirs)'],
    ['a column needs a function', 'create view b_a as select 1', 'create table b (c, a not null as (theirs(1)))'],
  ])('finds damage also where %s that only the messenger has', async (_, made, meant) => {
    const { path, tmp } = places()
    makeClosed(path)
    const db = new Database(path)
    db.exec(`create table b (a text); ${made}`)
    const root = Number(db.prepare(`select rootpage from sqlite_schema where name = 't'`).pluck().get())
    db.unsafeMode()
    db.pragma('writable_schema = on')
    db.prepare('update sqlite_schema set sql = ? where name = ?').run(meant, meant.includes('index') ? 'b_a' : 'b')
    db.close()
    expect(await withSnapshot(path, tmp, (snapshot) => snapshot.quickCheck())).toEqual([])
    const damaged = readFileSync(path)
    damaged.fill(0xff, (root - 1) * 4096 + 40, root * 4096)
    writeFileSync(path, damaged)
    expect((await withSnapshot(path, tmp, (snapshot) => snapshot.quickCheck())).length).toBeGreaterThan(0)
  })
})

describe('a hostile store', () => {
  it('cannot make the copy grow beyond all measure by what its log claims', async () => {
    const { owner, path, tmp } = places()
    makeClosed(path, { journal: 'wal' })
    const page = readFileSync(path).subarray(0, 4096)
    // A valid log of one commit: page 1 as it is, and a database of a terabyte.
    page.writeUInt32BE(0x0ffffff0, 28)
    writeFileSync(`${path}-wal`, logOfOneCommit(page, { pages: 0x0ffffff0 }))
    const store = await openStore({ path, tmp })
    await expect(store.snapshot()).rejects.toBeInstanceOf(CofferError)
    expect(readdirSync(owner).sort()).toEqual(['store.db', 'store.db-wal'])
  })

  it('cannot make the copy grow beyond all measure by what its journal claims', async () => {
    const { owner, path, tmp } = places()
    makeClosed(path, { rows: 200 })
    const program = await startOwner(path)
    await program.run('pragma cache_size = 5; begin immediate; update t set a = zeroblob(1000)')
    await program.kill()
    const journal = readFileSync(`${path}-journal`)
    // How many pages the database had, as the journal's header says.
    journal.writeUInt32BE(0x0ffffff0, 16)
    writeFileSync(`${path}-journal`, journal)
    const store = await openStore({ path, tmp })
    await expect(store.snapshot()).rejects.toMatchObject({ code: 'store_corrupt' })
    expect(readdirSync(tmp)).toEqual([])
    expect(readdirSync(owner)).toEqual(['store.db', 'store.db-journal'])
  })

  it('runs nothing of its schema while it is counted', async () => {
    const { path, tmp } = places()
    makeWhatsAppAndroid(path, { messages: 50 })
    const db = new Database(path)
    db.exec(`alter table message_media rename to real_media;
      create view message_media as select message_row_id, chat_row_id, load_extension('/nowhere.so') as file_path, file_size from real_media`)
    db.close()
    await withSnapshot(path, tmp, async (snapshot) => {
      for await (const batch of snapshot.namedMedia()) expect(batch).toEqual([])
    })
  })
})

describe('a disk without room for the copy', () => {
  it('is reported before anything is copied, with both numbers', async () => {
    const { owner } = places()
    await expect(requireRoom(join(owner, 'copy.db'), 2 ** 60)).rejects.toMatchObject({ code: 'local_full' })
    await requireRoom(join(owner, 'copy.db'), 1000)
  })
})

describe('media folders', () => {
  it('are those beside the database and those given, each once, under names of their own', async () => {
    const { owner, tmp } = places()
    const path = join(owner, 'msgstore.db')
    makeWhatsAppAndroid(path, { messages: 50, media: { files: 3, bytes: 3000 } })
    for (const folder of ['Media', 'elsewhere/media', 'elsewhere/Pictures', 'elsewhere/msgstore.db'])
      mkdirSync(join(owner, folder), { recursive: true })
    const media = ['Media', 'elsewhere/media', 'elsewhere/Pictures', 'elsewhere/Pictures', 'elsewhere/msgstore.db'].map(
      (folder) => join(owner, folder),
    )
    const snapshot = await (await openStore({ path, tmp, media })).snapshot()
    expect(snapshot.media).toEqual([
      { name: 'Media', folder: join(owner, 'Media') },
      { name: 'media (2)', folder: join(owner, 'elsewhere/media') },
      { name: 'Pictures', folder: join(owner, 'elsewhere/Pictures') },
      { name: 'msgstore.db (2)', folder: join(owner, 'elsewhere/msgstore.db') },
    ])
    await snapshot.close()
  })

  it('are found where a phone has them: WhatsApp/Media beside WhatsApp/Databases', async () => {
    const { owner, tmp } = places()
    mkdirSync(join(owner, 'WhatsApp/Databases'), { recursive: true })
    mkdirSync(join(owner, 'WhatsApp/Media'))
    const path = join(owner, 'WhatsApp/Databases/msgstore.db')
    makeWhatsAppAndroid(path, { messages: 50 })
    await withSnapshot(path, tmp, (snapshot) =>
      expect(snapshot.media).toEqual([{ name: 'Media', folder: join(owner, 'WhatsApp/Media') }]),
    )
  })

  it('that are given but not there are refused', async () => {
    const { owner, path, tmp } = places()
    makeClosed(path)
    const store = await openStore({ path, tmp, media: [join(owner, 'nothing')] })
    await expect(store.snapshot()).rejects.toMatchObject({
      code: 'media_not_found',
      detail: { path: join(owner, 'nothing') },
    })
  })

  it('give the named files their places in the archive, whatever the folder is called', async () => {
    const { owner, path, tmp } = places()
    const made = makeWhatsAppAndroid(path, { messages: 50, media: { files: 1, bytes: 3000 } })
    const [file = ''] = made.media.map((named) => named.path)
    const named = async (...media: string[]) => {
      const snapshot = await (
        await openStore({ path, tmp, media: media.map((folder) => join(owner, folder)) })
      ).snapshot()
      const paths: string[] = []
      for await (const batch of snapshot.namedMedia()) paths.push(...batch.map((one) => one.path))
      await snapshot.close()
      return paths
    }
    for (const folder of ['a/Media', 'a/WhatsApp/Media', 'a/Saved']) mkdirSync(join(owner, folder), { recursive: true })
    expect(await named()).toEqual([file])
    expect(await named('a/Media')).toEqual([file])
    expect(await named('a/WhatsApp')).toEqual([`WhatsApp/${file}`])
    expect(await named('a/Saved')).toEqual([file.replace('Media/', 'Saved/')])
  })
})
