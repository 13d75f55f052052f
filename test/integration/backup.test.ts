/** What backups store of databases and media, and what they store only once. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeWhatsAppApple } from '../fixtures/make-small-stores.ts'
import { addRows, change, manifests, putMedia } from '../fixtures/practice-archive.ts'
import { expectAll, practiceForTest } from './backup-checks.ts'

describe.each([512, 4096, 65536])('with pages of %i bytes', (pageSize) => {
  it('every snapshot of a changing store reads back as it was', async () => {
    const it_ = await practiceForTest({ pageSize })
    const expected: Map<string, Buffer>[] = []
    const step = async (by: () => void) => {
      by()
      await it_.backUp()
      expected.push(it_.content())
    }
    await step(() => change(it_.database, (db) => addRows(db, 2000)))
    await step(() => putMedia(it_, 'a.jpg', randomBytes(100_000)))
    await step(() => {
      change(it_.database, (db) => db.exec('update message set body = randomblob(300) where id % 97 = 0'))
      putMedia(it_, 'empty', Buffer.alloc(0))
      putMedia(it_, 'long.mp4', randomBytes(9 * 1024 * 1024 + 5))
    })
    await step(() => unlinkSync(join(it_.media, 'a.jpg')))
    await step(() => change(it_.database, (db) => db.exec('delete from message where id > 700; vacuum')))
    await step(() => change(it_.database, (db) => addRows(db, 3000)))
    await step(() => undefined)
    for (let i = 0; i < 8; i++) await step(() => change(it_.database, (db) => addRows(db, 3)))
    await expectAll(it_, expected)
  })
})

describe('media', () => {
  it('keeps names as bytes: newlines, emoji, 255 bytes, not even text', async () => {
    const it_ = await practiceForTest()
    for (const name of [
      'new\nline',
      '👩‍👩‍👧 photo.jpg',
      'x'.repeat(255),
      'CON',
      'nul.txt',
      'trailing. ',
      Buffer.from([0xff, 0xfe, 0x41]),
    ])
      putMedia(it_, name, randomBytes(50))
    mkdirSync(join(it_.media, 'Sent', 'deep'), { recursive: true })
    putMedia(it_, 'Sent/deep/b', randomBytes(10))
    const { files, warnings } = await it_.backUp()
    expect(files).toEqual({ new: 8, unchanged: 0, missing: 0 })
    expect(warnings).toEqual([])
    await expectAll(it_, [it_.content()])
  })

  it('stores a content once, however many files have it', async () => {
    const it_ = await practiceForTest()
    const content = randomBytes(3_000_000)
    for (let i = 0; i < 20; i++) putMedia(it_, `copy-${i}`, content)
    const { uploaded } = await it_.backUp()
    expect(uploaded.bytes).toBeLessThan(3_300_000)
    await expectAll(it_, [it_.content()])
  })

  it('a renamed file costs no content again', async () => {
    const it_ = await practiceForTest()
    putMedia(it_, 'before', randomBytes(1_000_000))
    await it_.backUp()
    renameSync(join(it_.media, 'before'), join(it_.media, 'after'))
    const { uploaded, files } = await it_.backUp()
    expect(files).toEqual({ new: 1, unchanged: 0, missing: 0 })
    expect(uploaded.bytes).toBeLessThan(20_000)
  })

  it('reads a file again when only its time changed, and finds its content known', async () => {
    const it_ = await practiceForTest()
    putMedia(it_, 'a', randomBytes(1_000_000))
    await it_.backUp()
    utimesSync(join(it_.media, 'a'), 1000, 1000)
    expect((await it_.backUp()).uploaded.bytes).toBeLessThan(20_000)
  })

  it('skips links and says so', async () => {
    const it_ = await practiceForTest()
    putMedia(it_, 'real', randomBytes(10))
    symlinkSync(join(it_.folder, 'messages.db'), join(it_.media, 'link'))
    symlinkSync(it_.media, join(it_.media, 'circle'))
    const { warnings, files } = await it_.backUp()
    expect(files.new).toBe(1)
    expect(warnings.map(({ code, detail }) => [code, detail['path']]).sort()).toEqual([
      ['link_skipped', 'Media/circle'],
      ['link_skipped', 'Media/link'],
    ])
  })
})

describe('a messenger that was updated', () => {
  it('is backed up further when its tables are no longer known, with its media', async () => {
    const it_ = await practiceForTest()
    rmSync(it_.database)
    makeWhatsAppApple(it_.database)
    mkdirSync(join(it_.folder, 'Message'))
    writeFileSync(join(it_.folder, 'Message', 'photo.jpg'), randomBytes(1000))
    expect((await it_.backUp()).warnings).toEqual([])
    change(it_.database, (db) => db.exec('alter table ZWAMESSAGE rename column ZTEXT to ZBODY'))
    const { warnings, files } = await it_.backUp()
    expect(warnings.map(({ code }) => code)).toContain('cannot_be_browsed')
    expect(files.unchanged).toBe(1)
    const session = await it_.open()
    expect((await manifests(session)).map(({ kind }) => kind)).toEqual(['whatsapp-apple', 'whatsapp-apple'])
    session.close()
  })

  it('is not mistaken for another store', async () => {
    const it_ = await practiceForTest()
    await it_.backUp()
    rmSync(it_.database)
    makeWhatsAppApple(it_.database)
    await expect(it_.backUp()).rejects.toMatchObject({ code: 'wrong_kind' })
  })
})
