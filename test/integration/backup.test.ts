import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import {
  addRows,
  change,
  contentOf,
  manifests,
  type Practice,
  practice,
  putMedia,
} from '../fixtures/practice-archive.ts'
import { makeWhatsAppApple } from '../fixtures/make-small-stores.ts'
import { faultyDestination } from '../faults/fault-destination.ts'

let it_: Practice
afterEach(() => it_.remove())

async function expectNewest(expected: Map<string, Buffer>): Promise<void> {
  const session = await it_.open()
  const newest = (await manifests(session)).at(-1)
  const found = newest && (await contentOf(session, newest))
  expect([...(found?.keys() ?? [])].sort()).toEqual([...expected.keys()].sort())
  for (const [path, bytes] of expected) expect(found?.get(path)?.equals(bytes), path).toBe(true)
  session.close()
}

async function expectAll(expected: Map<string, Buffer>[]): Promise<void> {
  const session = await it_.open()
  const all = await manifests(session)
  expect(all.length).toBe(expected.length)
  for (const [i, manifest] of all.entries()) {
    const found = await contentOf(session, manifest)
    expect([...found.keys()].sort(), `snapshot ${i + 1}`).toEqual([...(expected[i]?.keys() ?? [])].sort())
    for (const [path, bytes] of expected[i] ?? [])
      expect(found.get(path)?.equals(bytes), `${path} in snapshot ${i + 1}`).toBe(true)
  }
  session.close()
}

const packsOf = () => [...it_.destination.objects.keys()].filter((name) => name.startsWith('packs/'))

describe.each([512, 4096, 65536])('with pages of %i bytes', (pageSize) => {
  it('every snapshot of a changing store reads back as it was', async () => {
    it_ = await practice({ pageSize })
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
    await expectAll(expected)
  })
})

describe('media', () => {
  it('keeps names as bytes: newlines, emoji, 255 bytes, not even text', async () => {
    it_ = await practice()
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
    await expectAll([it_.content()])
  })

  it('stores a content once, however many files have it', async () => {
    it_ = await practice()
    const content = randomBytes(3_000_000)
    for (let i = 0; i < 20; i++) putMedia(it_, `copy-${i}`, content)
    const { uploaded } = await it_.backUp()
    expect(uploaded.bytes).toBeLessThan(3_300_000)
    await expectAll([it_.content()])
  })

  it('a renamed file costs no content again', async () => {
    it_ = await practice()
    putMedia(it_, 'before', randomBytes(1_000_000))
    await it_.backUp()
    renameSync(join(it_.media, 'before'), join(it_.media, 'after'))
    const { uploaded, files } = await it_.backUp()
    expect(files).toEqual({ new: 1, unchanged: 0, missing: 0 })
    expect(uploaded.bytes).toBeLessThan(20_000)
  })

  it('reads a file again when only its time changed, and finds its content known', async () => {
    it_ = await practice()
    putMedia(it_, 'a', randomBytes(1_000_000))
    await it_.backUp()
    utimesSync(join(it_.media, 'a'), 1000, 1000)
    expect((await it_.backUp()).uploaded.bytes).toBeLessThan(20_000)
  })

  it('skips links and says so', async () => {
    it_ = await practice()
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

describe('what a destination may do', () => {
  it('a backup that failed midway is resumed without uploading a pack again', async () => {
    it_ = await practice()
    change(it_.database, (db) => addRows(db, 1000))
    for (let i = 0; i < 12; i++) putMedia(it_, `film-${i}`, randomBytes(4_000_000))
    const faulty = faultyDestination(it_.destination, { at: 3, kind: 'put', name: /^packs/, lasting: 'forever' })
    await expect(it_.backUp({ destination: faulty })).rejects.toMatchObject({ code: 'destination_failed' })
    const arrived = packsOf()
    expect(arrived.length).toBe(2)
    const { uploaded } = await it_.backUp()
    expect(packsOf()).toEqual(expect.arrayContaining(arrived))
    expect(uploaded.bytes).toBeLessThan(50_000_000 - 2 * 15_000_000)
    await expectAll([it_.content()])
  })

  it('a pack that landed although its answer was lost is adopted', async () => {
    it_ = await practice()
    for (let i = 0; i < 6; i++) putMedia(it_, `film-${i}`, randomBytes(4_000_000))
    const faulty = faultyDestination(it_.destination, {
      at: 1,
      kind: 'put',
      name: /^packs/,
      how: 'after',
      lasting: 'forever',
    })
    await expect(it_.backUp({ destination: faulty })).rejects.toMatchObject({ code: 'destination_failed' })
    expect(packsOf().length).toBe(1)
    const { uploaded } = await it_.backUp()
    expect(uploaded.bytes).toBeLessThan(12_000_000)
    await expectAll([it_.content()])
  })

  it('heals itself when packs are gone or have the wrong size', async () => {
    it_ = await practice()
    change(it_.database, (db) => addRows(db, 3000))
    for (let i = 0; i < 6; i++) putMedia(it_, `film-${i}`, randomBytes(4_000_000))
    await it_.backUp()
    for (const name of packsOf()) {
      const whole = it_.destination.copy().objects.get(name)
      it_.destination.objects.delete(name)
      await it_.backUp()
      await expectNewest(it_.content())
      if (whole) it_.destination.objects.set(name, { ...whole, bytes: whole.bytes.subarray(1) })
    }
    await it_.backUp()
    await expectNewest(it_.content())
  })

  it('a pack that vanishes between its upload and the manifest is made again', async () => {
    it_ = await practice()
    putMedia(it_, 'film', randomBytes(4_000_000))
    let gone = false
    const { destination } = it_
    const forgetful: typeof destination = {
      ...destination,
      async put(name, bytes) {
        await destination.put(name, bytes)
        if (!gone && name.startsWith('packs/')) {
          gone = true
          destination.objects.delete(name)
        }
      },
    }
    await it_.backUp({ destination: forgetful })
    expect(gone).toBe(true)
    await expectAll([it_.content()])
  })

  it('is not brought to a halt by a slow one, however much there is to seal', async () => {
    it_ = await practice()
    for (let i = 0; i < 40; i++) putMedia(it_, `film-${i}`, randomBytes(3_500_000))
    const { destination } = it_
    // Every upload waits for the next one to begin, as far as the buffers allow: workers run out of them for sure.
    let begun = (): void => undefined
    const slow: typeof destination = {
      ...destination,
      async put(name, bytes) {
        begun()
        await Promise.race([
          new Promise<void>((resolve) => (begun = resolve)),
          new Promise((resolve) => setTimeout(resolve, 100)),
        ])
        await destination.put(name, bytes)
      },
    }
    expect((await it_.backUp({ destination: slow })).files.new).toBe(40)
  })

  it('restores the header from its copy', async () => {
    it_ = await practice()
    it_.destination.objects.delete('coffer.json')
    const { warnings } = await it_.backUp()
    expect(warnings.map(({ code }) => code)).toEqual(['copy_used'])
    expect(it_.destination.objects.has('coffer.json')).toBe(true)
    expect((await it_.backUp()).warnings).toEqual([])
  })

  it('makes a damaged copy of the header anew', async () => {
    it_ = await practice()
    const whole = it_.destination.copy().objects.get('coffer.previous.json')
    it_.destination.objects.set('coffer.previous.json', { bytes: Buffer.from('rubbish'), modified: new Date() })
    await it_.backUp()
    expect(it_.destination.objects.get('coffer.previous.json')?.bytes).toEqual(whole?.bytes)
  })
})

describe('a messenger that was updated', () => {
  it('is backed up further when its tables are no longer known, with its media', async () => {
    it_ = await practice()
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
    it_ = await practice()
    await it_.backUp()
    rmSync(it_.database)
    makeWhatsAppApple(it_.database)
    await expect(it_.backUp()).rejects.toMatchObject({ code: 'wrong_kind' })
  })
})

describe('another computer', () => {
  it('must be told to take over, then builds on what is there', async () => {
    it_ = await practice()
    change(it_.database, (db) => addRows(db, 5000))
    putMedia(it_, 'film', randomBytes(4_000_000))
    await it_.backUp()
    rmSync(it_.home, { recursive: true })
    await expect(it_.backUp()).rejects.toMatchObject({ code: 'other_writer' })
    const { uploaded, databases, files } = await it_.backUp({ takeOver: true })
    expect(uploaded.bytes).toBeLessThan(10_000)
    expect(databases[0]?.changed).toBe(0)
    expect(files).toEqual({ new: 0, unchanged: 1, missing: 0 })
    await expectAll([it_.content(), it_.content()])
  })

  it('a local state that is rubbish is thrown away', async () => {
    it_ = await practice()
    change(it_.database, (db) => addRows(db, 2000))
    await it_.backUp()
    const session = await it_.open()
    for (const end of ['', '-wal'])
      writeFileSync(join(it_.home, 'archives', session.archive, `cache.db${end}`), randomBytes(5000))
    session.close()
    const { uploaded } = await it_.backUp()
    expect(uploaded.bytes).toBeLessThan(10_000)
    await expectAll([it_.content(), it_.content()])
  })
})

describe('one writer at a time', () => {
  it('a second backup on this computer is told to wait', async () => {
    it_ = await practice()
    const first = it_.backUp()
    const second = it_.backUp()
    const results = await Promise.allSettled([first, second])
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1)
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'archive_busy' } })
  })

  it('cancelling keeps what has landed and says cancelled', async () => {
    it_ = await practice()
    for (let i = 0; i < 12; i++) putMedia(it_, `film-${i}`, randomBytes(4_000_000))
    const cancel = new AbortController()
    const faulty = faultyDestination(it_.destination, {
      at: 2,
      kind: 'put',
      how: 'after',
      strike: () => cancel.abort(),
    })
    await expect(it_.backUp({ destination: faulty, signal: cancel.signal })).rejects.toMatchObject({
      code: 'cancelled',
    })
    expect(packsOf().length).toBeGreaterThan(0)
    await it_.backUp()
    await expectAll([it_.content()])
  })
})
