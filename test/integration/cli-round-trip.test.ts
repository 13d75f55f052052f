import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeMedia } from '../fixtures/make-media.ts'
import { addDay, makeWhatsAppAndroid } from '../fixtures/make-whatsapp-android.ts'
import { newPerson, type Person } from './command-line.ts'

let person: Person
let made: ReturnType<typeof makeWhatsAppAndroid>
const at = (...path: string[]): string => join(person.folder, ...path)
const key = ['--key-file', 'key.txt']

beforeAll(async () => {
  person = newPerson()
  made = makeWhatsAppAndroid(at('msgstore.db'), { messages: 3000, media: { files: 20, bytes: 400_000 } })
  makeMedia(person.folder, made.media, 1)
  await person.coffer('init', 'archive', '--key-out', 'key.txt', '--no-keychain')
})
afterAll(() => {
  person.leave()
})

/** Every file below a folder, by path. */
function content(folder: string): Map<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(
    files.map(({ parentPath, name }) => [
      join(parentPath, name).slice(folder.length),
      readFileSync(join(parentPath, name)),
    ]),
  )
}

describe('from a store to an archive and back', () => {
  it('finds a store where its messenger keeps it, and nothing where there is none', async () => {
    expect((await person.coffer('detect', '--json')).json).toEqual({ stores: [] })
    const home = at('ada')
    const place = join(home, process.platform === 'darwin' ? 'Library/Application Support' : '.config', 'BeeperTexts')
    mkdirSync(place, { recursive: true })
    copyFileSync(at('msgstore.db'), join(place, 'index.db'))
    const { code, json } = await person.with({ HOME: home })('detect', '--json')
    expect([code, json]).toMatchObject([
      0,
      { stores: [{ kind: 'beeper', path: join(place, 'index.db'), readable: true }] },
    ])
    rmSync(home, { recursive: true })
  })

  it('inspects exactly what is there', async () => {
    const { code, json } = await person.coffer('inspect', 'msgstore.db', '--json')
    const { chats, messages, newest } = made
    expect([code, json]).toEqual([
      0,
      {
        kind: 'whatsapp-android',
        chats,
        messages,
        newest: newest.toISOString(),
        media: { files: 20, bytes: expect.any(Number) },
        databases: [{ path: 'msgstore.db', pageSize: 4096, pages: readFileSync(at('msgstore.db')).length / 4096 }],
      },
    ])
  })

  it('removes the private copies that a run which was killed left behind, since they can be read by anyone', async () => {
    // No system gives out process numbers this high.
    const left = join(person.home, 'tmp', 'store-2000000000-0123456789ab')
    mkdirSync(left, { recursive: true })
    writeFileSync(join(left, '0.db'), 'messages')
    expect((await person.coffer('inspect', 'msgstore.db')).code).toBe(0)
    expect(existsSync(left)).toBe(false)
  })

  it('backs up, says what it did in the documented fields, and uploads next to nothing the second time', async () => {
    const pages = readFileSync(at('msgstore.db')).length / 4096
    const first = await person.coffer('backup', 'msgstore.db', 'archive', ...key, '--json')
    expect([first.code, first.stderr, first.json]).toEqual([
      0,
      '',
      {
        snapshot: expect.stringMatching(/^[0-9a-f]+$/),
        seq: 1,
        databases: [{ path: 'msgstore.db', pages, changed: pages }],
        files: { new: 20, unchanged: 0, missing: 0 },
        uploaded: { bytes: expect.any(Number), objects: expect.any(Number) },
        warnings: [],
        seconds: expect.any(Number),
      },
    ])
    const second = await person.coffer('backup', 'msgstore.db', 'archive', ...key)
    expect(second.stdout).toMatch(
      /^Backup 2 is complete, after .*\n {2}msgstore\.db {2}.*none of them new\n {2}media {8}20 files, none of them new\n {2}uploaded/,
    )
  })

  it('lists the backups with their times in UTC', async () => {
    const { code, json } = await person.coffer('snapshots', 'archive', ...key, '--json')
    const { chats, messages, newest } = made
    const line = {
      id: expect.any(String),
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      kind: 'whatsapp-android',
      chats,
      messages,
      newest: newest.toISOString(),
      added: expect.any(Number),
    }
    expect([code, json]).toEqual([
      0,
      {
        snapshots: [
          { ...line, seq: 1 },
          { ...line, seq: 2 },
        ],
        warnings: [],
      },
    ])
    expect((await person.coffer('snapshots', 'archive', ...key)).stdout.split('\n')).toHaveLength(4)
  })

  it('restores every byte on a computer that has never seen it, with nothing but the digits', async () => {
    const before = content(person.folder)
    const digits = readFileSync(at('key.txt'), 'utf8').split('\n', 1)[0] ?? ''
    const elsewhere = person.with({ COFFER_HOME: at('another-computer'), COFFER_KEY: digits })
    const { code, json } = await elsewhere('restore', 'archive', 'restored', '--json')
    expect([code, json]).toEqual([
      0,
      {
        snapshot: expect.any(String),
        files: 21,
        bytes: expect.any(Number),
        integrity: 'ok',
        missing: [],
        warnings: [],
      },
    ])
    const restored = content(at('restored'))
    expect(restored.size).toBe(21)
    for (const [path, bytes] of restored) expect(before.get(path)?.equals(bytes), path).toBe(true)
  })

  it('restores an older backup, or a part, and does not touch what is there unless told to', async () => {
    const older = content(at('restored'))
    addDay(at('msgstore.db'), { messages: 50 })
    expect((await person.coffer('backup', 'msgstore.db', 'archive', ...key)).code).toBe(0)
    const { snapshots } = (await person.coffer('snapshots', 'archive', ...key, '--json')).json as {
      snapshots: { id: string }[]
    }
    const part = await person.coffer(
      'restore',
      'archive',
      'part',
      ...key,
      '--only',
      'msgstore.db',
      '--snapshot',
      snapshots[0]?.id ?? '',
      '--json',
    )
    expect(part.json).toMatchObject({ snapshot: snapshots[0]?.id, files: 1 })
    expect(readFileSync(at('part', 'msgstore.db')).equals(older.get('/msgstore.db') ?? Buffer.alloc(0))).toBe(true)

    writeFileSync(at('part', 'msgstore.db'), 'mine')
    const refused = await person.coffer('restore', 'archive', 'part', ...key, '--only', 'msgstore.db', '--json')
    expect([refused.code, refused.json]).toMatchObject([2, { error: { code: 'target_occupied' } }])
    expect(readFileSync(at('part', 'msgstore.db'), 'utf8')).toBe('mine')
    expect(
      (await person.coffer('restore', 'archive', 'part', ...key, '--only', 'msgstore.db', '--overwrite')).code,
    ).toBe(0)
    expect(readFileSync(at('part', 'msgstore.db')).equals(readFileSync(at('msgstore.db')))).toBe(true)
  })

  it('verifies, reads and proves the archive, and says how much it looked at', async () => {
    for (const extent of [[], ['--read'], ['--read', '--proof']]) {
      const { code, json } = await person.coffer('verify', 'archive', ...key, ...extent, '--json')
      expect([extent, code, json]).toEqual([
        extent,
        0,
        { ok: true, checked: { objects: expect.any(Number), bytes: expect.any(Number) }, faults: [], warnings: [] },
      ])
    }
    expect((await person.coffer('verify', 'archive', ...key)).stdout).toMatch(/^All is well: everything is there/)
  })

  it('names every fault of a damaged archive, and exits with 4', async () => {
    const [pack = ''] = readdirSync(at('archive', 'packs'))
    const kept = readFileSync(at('archive', 'packs', pack))
    rmSync(at('archive', 'packs', pack))
    writeFileSync(at('archive', 'packs', 'stranger'), 'x')
    const { code, json } = await person.coffer('verify', 'archive', ...key, '--json')
    expect([code, json]).toMatchObject([
      4,
      {
        ok: false,
        faults: expect.arrayContaining([
          { code: 'pack_missing', object: `packs/${pack}`, detail: expect.any(Object) },
          { code: 'unknown_object', object: 'packs/stranger', detail: { bytes: 1 } },
        ]),
      },
    ])
    const words = await person.coffer('verify', 'archive', ...key)
    expect([words.code, words.stdout]).toEqual([
      4,
      expect.stringContaining(`  packs/${pack}: A part of the archive is missing.`),
    ])
    writeFileSync(at('archive', 'packs', pack), kept)
    rmSync(at('archive', 'packs', 'stranger'))
  })

  it('forgets the backups it is told to, and the ones that stay are whole', async () => {
    const before = (await person.coffer('snapshots', 'archive', ...key, '--json')).json as {
      snapshots: { id: string }[]
    }
    const [first, second, third] = before.snapshots.map(({ id }) => id)
    const one = await person.coffer('forget', 'archive', ...key, '--snapshot', first ?? '', '--json')
    const tally = { objects: expect.any(Number), bytes: expect.any(Number) }
    expect([one.code, one.json]).toEqual([
      0,
      {
        forgotten: [first],
        kept: 2,
        deleted: tally,
        repacked: tally,
        written: tally,
        warnings: [],
      },
    ])
    expect((await person.coffer('forget', 'archive', ...key, '--keep', 'last:1', '--json')).json).toMatchObject({
      forgotten: [second],
      kept: 1,
    })
    expect((await person.coffer('snapshots', 'archive', ...key, '--json')).json).toMatchObject({
      snapshots: [{ id: third }],
      warnings: [],
    })
    const newest = await person.coffer('forget', 'archive', ...key, '--snapshot', third ?? '', '--json')
    expect([newest.code, newest.json]).toMatchObject([2, { error: { code: 'newest_kept' } }])
    expect((await person.coffer('verify', 'archive', ...key, '--read', '--json')).json).toMatchObject({ ok: true })
    expect((await person.coffer('forget', 'archive', ...key, '--json')).json).toMatchObject({
      error: { code: 'usage', next: 'See “coffer forget --help”.' },
    })
  })

  it('says what is damaged and exits with 4, or with 1 when it saved what could be saved', async () => {
    const packs = readdirSync(at('archive', 'packs')).map((name) => at('archive', 'packs', name))
    const kept = packs.map((pack) => readFileSync(pack))
    for (const pack of packs) rmSync(pack)
    const failed = await person.coffer('restore', 'archive', 'damaged', ...key, '--json')
    expect([failed.code, failed.json]).toMatchObject([
      4,
      { error: { code: 'pack_missing', object: expect.stringMatching(/^packs\//) } },
    ])
    for (const [i, pack] of packs.entries()) if (kept[i]) writeFileSync(pack, kept[i])
    const largest = packs.toSorted((a, b) => readFileSync(b).length - readFileSync(a).length)[0] ?? ''
    writeFileSync(largest, readFileSync(largest).fill(0, 100, 200))
    const salvaged = await person.coffer('restore', 'archive', 'salvaged', ...key, '--salvage', '--json')
    expect([salvaged.code, salvaged.json]).toMatchObject([
      1,
      { missing: expect.any(Array), warnings: expect.any(Array) },
    ])
    expect((salvaged.json as { missing: unknown[] }).missing.length).toBeGreaterThan(0)
    writeFileSync(largest, kept[packs.indexOf(largest)] ?? '')
  })

  it('refuses a wrong key with 3, and an archive that is not there with 5', async () => {
    const wrong = await person.with({ COFFER_KEY: '0'.repeat(64) })('restore', 'archive', 'nothing', '--json')
    expect([wrong.code, wrong.json]).toMatchObject([3, { error: { code: 'wrong_key', from: 'COFFER_KEY' } }])
    const absent = await person.coffer('backup', 'msgstore.db', 'unplugged', ...key, '--json')
    expect([absent.code, absent.json]).toMatchObject([5, { error: { code: 'destination_unreachable' } }])
    expect(readdirSync(person.folder)).not.toContain('unplugged')
    expect(readdirSync(person.folder)).not.toContain('nothing')
  })
})
