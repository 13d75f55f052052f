import { randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { makeClosed } from '../unit/stores/owned.ts'
import { filesBelow } from '../fixtures/files-below.ts'
import { contentBelow } from './content-below.ts'
import { type Keeper, newKeeper } from './keeper.ts'

/** Raw bytes of a name below the media folder. */
const raw = (keeper: Keeper, name: Buffer | string) =>
  Buffer.concat([Buffer.from(`${keeper.at('Media')}/`), Buffer.from(name)])

async function keeperWithMedia(options: { ordinary?: boolean } = {}): Promise<Keeper> {
  const keeper = await newKeeper(options)
  mkdirSync(keeper.at('Media'))
  makeClosed(keeper.at('store.db'), { rows: 5 })
  return keeper
}

it('names of every kind come back byte for byte: newlines, emoji, 255 bytes, no text at all, reserved on Windows, alike but for case', async () => {
  const keeper = await keeperWithMedia()
  const names = [
    'new\nline',
    'tab\tand \u001b[31mred',
    '👩‍👩‍👧 photo.jpg',
    'é',
    'é'.normalize('NFD'),
    'x'.repeat(255),
    'CON',
    'nul.txt',
    'COM1.jpg',
    'trailing. ',
    ' ',
    '...',
    '-rf',
    'a:b',
    'a\\b',
    'Photo.JPG',
    'photo.jpg',
    '.hidden',
    '.coffer-restore-0123456789abcdef',
    Buffer.from([0xff, 0xfe, 0x41]),
    Buffer.from([0xc0, 0xaf]),
  ]
  for (const name of names) writeFileSync(raw(keeper, name), randomBytes(60))
  const deep = join(...Array.from({ length: 150 }, (_, i) => `folder ${i}`))
  mkdirSync(keeper.at('Media', deep), { recursive: true })
  writeFileSync(keeper.at('Media', deep, 'at the bottom'), randomBytes(100))
  const { code, said } = await keeper.backUp('store.db', '--media', 'Media')
  expect([code, said]).toMatchObject([0, { files: { new: names.length + 1, unchanged: 0, missing: 0 }, warnings: [] }])
  const restored = await keeper.restore()
  expect(contentBelow(join(restored, 'Media'))).toEqual(contentBelow(keeper.at('Media')))
  expect(filesBelow(join(restored, 'Media')).length).toBe(names.length + 1)
})

it('what cannot be read is listed, everything else is in the backup, and the exit code says so', async () => {
  const keeper = await keeperWithMedia({ ordinary: true })
  for (const name of ['fine', 'secret']) writeFileSync(raw(keeper, name), randomBytes(1000))
  for (const folder of ['closed', 'unlisted']) {
    mkdirSync(keeper.at('Media', folder))
    writeFileSync(keeper.at('Media', folder, 'inside'), randomBytes(1000))
  }
  execFileSync('mkfifo', [keeper.at('Media', 'pipe')])
  symlinkSync(keeper.at('store.db'), keeper.at('Media', 'link'))
  symlinkSync('.', keeper.at('Media', 'circle'))
  symlinkSync('nowhere', keeper.at('Media', 'loose'))
  chmodSync(raw(keeper, 'secret'), 0o000)
  chmodSync(keeper.at('Media', 'closed'), 0o000)
  // Whoever may not enter a folder may still list what is in it.
  chmodSync(keeper.at('Media', 'unlisted'), 0o444)
  const { code, said } = await keeper.backUp('store.db', '--media', 'Media')
  for (const folder of ['closed', 'unlisted']) chmodSync(keeper.at('Media', folder), 0o755)
  expect(said.error).toBeUndefined()
  expect([code, said.files]).toMatchObject([1, { new: 1, unchanged: 0 }])
  const warned = said.warnings?.map(({ code, path }) => `${String(code)} ${String(path)}`).toSorted()
  expect(warned).toEqual([
    'file_unreadable Media/closed',
    'file_unreadable Media/pipe',
    'file_unreadable Media/secret',
    'file_unreadable Media/unlisted/inside',
    'link_skipped Media/circle',
    'link_skipped Media/link',
    'link_skipped Media/loose',
  ])
  const restored = await keeper.restored()
  expect([...restored.keys()].toSorted()).toEqual(['Media/fine', 'store.db'])
})

it('a folder of media that is not there is wrong use: its files must not count as deleted', async () => {
  const keeper = await keeperWithMedia()
  rmSync(keeper.at('Media'), { recursive: true })
  const { code, said } = await keeper.backUp('store.db', '--media', 'Media')
  expect([code, said]).toMatchObject([2, { error: { code: 'media_not_found', path: keeper.at('Media') } }])
})

it('what cannot be looked at for a while stays in the backups, and counts as deleted only when it is', async () => {
  const keeper = await keeperWithMedia({ ordinary: true })
  for (const folder of ['Media/a', 'Media/a-b', 'Media/a/deep/deeper']) {
    mkdirSync(keeper.at(folder), { recursive: true })
    writeFileSync(keeper.at(folder, 'file'), randomBytes(1000))
  }
  const before = contentBelow(keeper.folder)
  const all = ['Media/a-b/file', 'Media/a/deep/deeper/file', 'Media/a/file']
  expect(await keeper.backUp('store.db', '--media', 'Media')).toMatchObject({ code: 0, said: { files: { new: 3 } } })
  for (const [path, mode] of [
    ['Media/a', 0o444],
    ['Media', 0o000],
  ] as const) {
    chmodSync(keeper.at(path), mode)
    const { code, said } = await keeper.backUp('store.db', '--media', 'Media')
    chmodSync(keeper.at(path), 0o755)
    expect([code, said]).toMatchObject([1, { files: { new: 0, unchanged: 3 } }])
    expect(said.warnings?.every(({ code }) => code === 'file_unreadable')).toBe(true)
    const restored = await keeper.restored()
    for (const name of all) expect(restored.get(name), `${path} ${mode.toString(8)}`).toBe(before.get(name))
  }
  rmSync(keeper.at('Media/a'), { recursive: true })
  expect(await keeper.backUp('store.db', '--media', 'Media')).toMatchObject({
    code: 0,
    said: { files: { unchanged: 1 } },
  })
  expect([...(await keeper.restored()).keys()]).toEqual(['Media/a-b/file', 'store.db'])
})

it('an archive and Coffer’s own folder inside the media are left out, or each backup would hold all earlier ones', async () => {
  const keeper = await keeperWithMedia()
  writeFileSync(keeper.at('Media/photo'), randomBytes(1000))
  // The whole folder of this person, in which everything lies, through a link.
  symlinkSync(keeper.folder, `${keeper.folder}-link`)
  try {
    for (const turn of [1, 2]) {
      const { code, said } = await keeper.backUp('store.db', '--media', `${keeper.folder}-link`)
      expect([code, said]).toMatchObject([0, { seq: turn, warnings: [] }])
      const files = [...(await keeper.restored()).keys()].filter((name) => !name.includes('/restored '))
      const top = keeper.folder.slice(keeper.folder.lastIndexOf('/') + 1)
      expect(files).toEqual([`${top}/Media/photo`, `${top}/key.txt`, `${top}/store.db`, 'store.db'])
    }
  } finally {
    rmSync(`${keeper.folder}-link`)
  }
})
