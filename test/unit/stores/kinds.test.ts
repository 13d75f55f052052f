import { copyFileSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { messageText } from '../../../main/core/stores/imessage.ts'
import { openStore } from '../../../main/core/stores/open-store.ts'
import type { Inspection } from '../../../main/core/stores/store.ts'
import {
  imessageSchema,
  makeBeeper,
  makeIMessage,
  makeSqlite,
  makeWhatsAppApple,
} from '../../fixtures/make-small-stores.ts'
import { addDay, makeWhatsAppAndroid } from '../../fixtures/make-whatsapp-android.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { fixture, missingFixtures } from './fixtures.ts'
import { mainBytes, places, withSnapshot } from './owned.ts'
import { startOwner } from './processes.ts'

const inspect = async (path: string): Promise<Inspection> =>
  (await openStore({ path, tmp: join(temporaryFolder(), 'tmp') })).inspect()

/** A store made with SQL alone, under a name that says nothing. */
async function inspectSql(sql: string): Promise<Inspection> {
  const path = join(temporaryFolder(), 'some.bin')
  new Database(path).exec(sql).close()
  return inspect(path)
}

async function namedPaths(path: string): Promise<string[]> {
  return withSnapshot(path, join(temporaryFolder(), 'tmp'), async (snapshot) => {
    const paths: string[] = []
    for await (const batch of snapshot.namedMedia()) paths.push(...batch.map((file) => file.path))
    return paths
  })
}

describe('real data that other projects published', () => {
  it('are there, or stood in for by made-up stores; in CI they are there', () => {
    if (missingFixtures !== undefined) console.info(`No published data in ${missingFixtures}: made-up stores stand in.`)
    expect(process.env['CI'] !== undefined && missingFixtures !== undefined).toBe(false)
  })

  const real = [
    [
      'whatsapp-apple/ChatStorage.sqlite',
      {
        kind: 'whatsapp-apple',
        chats: 5,
        messages: 32,
        newest: new Date('2023-05-17T14:36:40Z'),
        media: { files: 2, bytes: 97_363 },
      },
    ],
    [
      'whatsapp-android/msgstore-2023-10.db',
      {
        kind: 'whatsapp-android',
        chats: 2,
        messages: 3,
        newest: new Date(1693993938000),
        media: { files: 0, bytes: 0 },
      },
    ],
    [
      'whatsapp-android/msgstore-2026-01.db',
      {
        kind: 'whatsapp-android',
        chats: 1,
        messages: 1,
        newest: new Date(1761287123000),
        media: { files: 0, bytes: 0 },
      },
    ],
    [
      'whatsapp-crypt15/msgstore.db',
      { kind: 'whatsapp-android', chats: 0, messages: 0, newest: null, media: { files: 0, bytes: 0 } },
    ],
  ] as const
  for (const [name, expected] of real) {
    const path = fixture(...name.split('/'))
    it.runIf(path !== undefined)(`is counted exactly: ${name}`, async () => {
      const { databases, ...counted } = await inspect(path ?? '')
      expect(counted).toEqual(expected)
      expect(databases).toHaveLength(1)
    })
  }

  const schema = fixture('imessage', 'schema-ios11.2.sql')
  it.runIf(schema !== undefined)('is counted exactly: made-up rows in the schema of iOS 11.2', async () => {
    const path = join(temporaryFolder(), 'sms.bin')
    const { texts: _, ...made } = makeIMessage(path, { schema: readFileSync(schema ?? '', 'utf8') })
    expect(await inspect(path)).toMatchObject({ kind: 'imessage', ...made })
  })

  it.runIf(fixture('whatsapp-apple') !== undefined)('names its media where they lie in the archive', async () => {
    const paths = await namedPaths(fixture('whatsapp-apple', 'ChatStorage.sqlite') ?? '')
    expect(paths).toHaveLength(2)
    for (const path of paths) expect(path).toMatch(/^Message\/Media\/19198887386@s\.whatsapp\.net\/./)
  })
})

describe('made-up stores', () => {
  it('of WhatsApp on Android are counted as they were made, also after another day', async () => {
    const path = join(temporaryFolder(), 'some.bin')
    const made = makeWhatsAppAndroid(path, { messages: 3000, media: { files: 40, bytes: 4_000_000 } })
    const media = { files: 40, bytes: 4_000_000 }
    expect(made.messages).toBeLessThan(3000)
    expect(await inspect(path)).toMatchObject({
      kind: 'whatsapp-android',
      chats: made.chats,
      messages: made.messages,
      newest: made.newest,
      media,
    })
    const day = addDay(path, { messages: 200, media: { files: 2, bytes: 90_000 } })
    const after = await inspect(path)
    expect(after).toMatchObject({
      messages: made.messages + day.messages,
      newest: day.newest,
      media: { files: 42, bytes: 4_090_000 },
    })
    expect((await namedPaths(path)).sort()).toEqual([...made.media, ...day.media].map((file) => file.path).sort())
  })

  it('of WhatsApp on Android come out the same from the same seed, and different from another', () => {
    const folder = temporaryFolder()
    const bytes = [7, 7, 8].map((seed, i) => {
      makeWhatsAppAndroid(join(folder, `${i}.db`), { messages: 500, seed })
      return readFileSync(join(folder, `${i}.db`))
    })
    expect(bytes[0]?.equals(bytes[1] ?? Buffer.alloc(0))).toBe(true)
    expect(bytes[0]?.equals(bytes[2] ?? Buffer.alloc(0))).toBe(false)
  })

  it('of WhatsApp on a Mac are counted as they were made', async () => {
    const path = join(temporaryFolder(), 'some.bin')
    const made = makeWhatsAppApple(path)
    expect(await inspect(path)).toMatchObject({ kind: 'whatsapp-apple', ...made })
  })

  it('of Messages are counted as they were made, in nanoseconds or seconds', async () => {
    for (const seconds of [false, true]) {
      const path = join(temporaryFolder(), 'some.bin')
      const { texts: _, ...made } = makeIMessage(path, { seconds })
      expect(await inspect(path)).toMatchObject({ kind: 'imessage', ...made })
    }
  })

  it('of Messages can be read, whether the text or only its attributed body is there', () => {
    const path = join(temporaryFolder(), 'some.bin')
    const { texts } = makeIMessage(path, { messages: 300 })
    const db = new Database(path, { readonly: true })
    const rows = db
      .prepare<[], { text: unknown; attributedBody: unknown }>(
        'select text, attributedBody from message order by ROWID',
      )
      .all()
    db.close()
    expect(rows.filter(({ text }) => text === null).length).toBeGreaterThan(100)
    expect(rows.map(messageText)).toEqual(texts)
  })

  it('of Beeper are counted as they were made', async () => {
    const path = join(temporaryFolder(), 'some.bin')
    const made = makeBeeper(path)
    expect(await inspect(path)).toMatchObject({ kind: 'beeper', ...made })
    for (const named of await namedPaths(path)) expect(named).toMatch(/^media\/local\.beeper\.com\/[0-9A-F]{16}$/)
  })

  it('of no messenger have no counts', async () => {
    const path = join(temporaryFolder(), 'some.bin')
    makeSqlite(path)
    expect(await inspect(path)).toMatchObject({
      kind: 'sqlite',
      chats: 0,
      messages: 0,
      newest: null,
      media: { files: 0, bytes: 0 },
    })
  })
})

describe('what counts as a message', () => {
  const modern = `
    create table jid (_id integer primary key, raw_string text);
    create table chat (_id integer primary key, jid_row_id integer, hidden integer);
    create table message (_id integer primary key, chat_row_id integer, message_type integer, timestamp integer, text_data text);`
  const old = `create table messages (_id integer primary key, key_remote_jid text, data text, timestamp integer, status integer, media_wa_type text);`

  it('leaves out the sentinel, system lines and hidden chats of WhatsApp on Android', async () => {
    const sql = `${modern} insert into chat values (1, 1, 0), (2, 2, null), (3, 3, 1);
      insert into message values (1, -1, -1, 99, null), (2, 1, 0, 10, 'a'), (3, 2, 7, 40, null), (4, 2, 1, 30, 'b'), (5, 3, 0, 20, 'c')`
    expect(await inspectSql(sql)).toMatchObject({ chats: 2, messages: 3, newest: new Date(30) })
  })

  it('is taken from the old table when that has the rows', async () => {
    const rows = `insert into messages values (1, '-1', null, 5, -1, null), (2, 'x@s.whatsapp.net', 'a', 50, 0, '0'), (3, 'x@s.whatsapp.net', null, 60, 6, '0'),
      (4, 'y@s.whatsapp.net', 'b', 40, 6, '1'), (5, 'status@broadcast', null, 70, 0, '1')`
    expect(await inspectSql(`${old} ${rows}`)).toMatchObject({
      kind: 'whatsapp-android',
      chats: 2,
      messages: 2,
      newest: new Date(50),
    })
    expect(
      await inspectSql(
        `${modern} ${old} ${rows}; insert into chat values (1, 1, 0); insert into message values (1, -1, -1, 99, null)`,
      ),
    ).toMatchObject({
      chats: 1,
      messages: 2,
      newest: new Date(50),
    })
  })

  it('is taken from the new table when both have rows', async () => {
    const sql = `${modern} ${old} insert into chat values (1, 1, 0); insert into message values (1, 1, 0, 10, 'a'); insert into messages values (2, 'x', 'a', 50, 0, '0'), (3, 'x', 'b', 51, 0, '0')`
    expect(await inspectSql(sql)).toMatchObject({ chats: 1, messages: 1, newest: new Date(10) })
  })

  it('has no time where the store holds nonsense', async () => {
    const sql = `${modern} insert into chat values (1, 1, 0); insert into message values (1, 1, 0, 'soon', 'a'), (2, 1, 0, 9e18, 'b'), (3, 1, 0, -4, 'c')`
    expect(await inspectSql(sql)).toMatchObject({ messages: 3, newest: null })
  })
})

describe('a store of a newer version', () => {
  it('is backed up as sqlite and says that it cannot be browsed', async () => {
    const { path, tmp } = places()
    new Database(path).exec(imessageSchema.replace('text text,', 'body text,')).close()
    await withSnapshot(path, tmp, (snapshot) => {
      expect(snapshot.kind).toBe('sqlite')
      expect(snapshot.warnings).toEqual([{ code: 'cannot_be_browsed', detail: { path, kind: 'imessage' } }])
    })
  })

  it('is no matter for a database of no messenger', async () => {
    const { path, tmp } = places()
    makeSqlite(path)
    await withSnapshot(path, tmp, (snapshot) => expect(snapshot.warnings).toEqual([]))
  })
})

describe('names of people', () => {
  it('come along from the wa.db beside, as a second database', async () => {
    const { owner, path, tmp } = places()
    makeWhatsAppAndroid(path, { messages: 100 })
    makeSqlite(join(owner, 'wa.db'))
    await withSnapshot(path, tmp, (snapshot) =>
      expect(snapshot.databases.map((database) => database.path)).toEqual(['store.db', 'wa.db']),
    )
  })

  it('that are damaged while their owner has everything open leave the messages pinned as they were', async () => {
    const { owner, path, tmp } = places()
    const program = await startOwner(path)
    await program.run(
      `pragma journal_mode = wal; create table jid (_id); create table chat (_id integer primary key, hidden);
       create table message (_id integer primary key, chat_row_id, message_type, timestamp); insert into message values (2, 1, 0, 5)`,
    )
    makeSqlite(join(owner, 'wa.db'))
    truncateSync(join(owner, 'wa.db'), 4096)
    await withSnapshot(path, tmp, async (snapshot) => {
      expect(snapshot.warnings).toEqual([
        { code: 'file_unreadable', detail: { path: join(owner, 'wa.db'), why: 'store_corrupt' } },
      ])
      const before = mainBytes(snapshot)
      await program.run(
        'insert into message values (3, 1, 0, 6); pragma wal_checkpoint(passive); insert into message values (4, 1, 0, 7)',
      )
      expect(mainBytes(snapshot).equals(before)).toBe(true)
      expect(await snapshot.summarise()).toMatchObject({ messages: 1 })
    })
  })

  it('are left out with a warning when that wa.db is no database', async () => {
    const { owner, path, tmp } = places()
    makeWhatsAppAndroid(path, { messages: 100 })
    copyFileSync(import.meta.filename, join(owner, 'wa.db'))
    await withSnapshot(path, tmp, (snapshot) => {
      expect(snapshot.databases.map((database) => database.path)).toEqual(['store.db'])
      expect(snapshot.warnings).toEqual([
        { code: 'file_unreadable', detail: { path: join(owner, 'wa.db'), why: 'store_encrypted' } },
      ])
    })
  })
})
