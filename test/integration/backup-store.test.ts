/** The store while it is backed up: held no longer than it is read, and what is odd about it is told. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { openStore } from '../../main/core/stores/open-store.ts'
import { makeWhatsAppAndroid } from '../fixtures/make-whatsapp-android.ts'
import { addRows, change, type Practice, practice, putMedia } from '../fixtures/practice-archive.ts'

let it_: Practice
afterEach(() => it_.remove())

it('is let go of once its messages are sealed, however long its media still take', async () => {
  it_ = await practice()
  change(it_.database, (db) => addRows(db, 500))
  for (let i = 0; i < 12; i++) putMedia(it_, `film-${i}`, randomBytes(4_000_000))
  const copies = join(it_.home, 'tmp')
  const { destination } = it_
  let puts = 0
  const waits: typeof destination = {
    ...destination,
    async put(name, bytes) {
      // The first pack is on its way for as long as the copy is there: would that wait for the media, nothing ended.
      if (name.startsWith('packs/') && ++puts === 1) while (readdirSync(copies).length > 0) await setTimeout(5)
      await destination.put(name, bytes)
    },
  }
  expect((await it_.backUp({ destination: waits })).files.new).toBe(12)
  expect(puts).toBeGreaterThan(2)
})

it('whose messages cannot be counted any more is backed up with a warning, every time', async () => {
  it_ = await practice()
  rmSync(it_.database)
  makeWhatsAppAndroid(it_.database, { messages: 3000 })
  expect((await it_.backUp()).warnings).toEqual([])
  const bytes = readFileSync(it_.database)
  // Every page but those of the schema: whatever table is read meets nonsense.
  bytes.fill(0xa5, 40 * 4096)
  writeFileSync(it_.database, bytes)
  for (let i = 0; i < 2; i++) {
    const { warnings } = await it_.backUp()
    expect(warnings.map(({ code }) => code)).toEqual(['store_check_failed'])
  }
  expect(existsSync(join(it_.home, 'tmp')) && readdirSync(join(it_.home, 'tmp'))).toEqual([])
})

it('counts what it names and nobody can find', async () => {
  it_ = await practice()
  rmSync(it_.database)
  const { media } = makeWhatsAppAndroid(it_.database, { messages: 3000, media: { files: 1500, bytes: 15_000 } })
  expect((await it_.backUp()).files).toEqual({ new: 0, unchanged: 0, missing: 1500 })
  for (const { path } of media.slice(0, 2)) {
    const file = join(it_.folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, randomBytes(10))
  }
  expect((await it_.backUp()).files).toEqual({ new: 2, unchanged: 0, missing: 1498 })
  expect((await it_.backUp()).files).toEqual({ new: 0, unchanged: 2, missing: 1498 })
})

it('is not committed when the person stops while it is still counted, though all is sealed', async () => {
  it_ = await practice()
  change(it_.database, (db) => addRows(db, 500))
  const cancel = new AbortController()
  const real = await openStore({ path: it_.database, media: [it_.media], tmp: join(it_.home, 'tmp') })
  const landed = (folder: string) => [...it_.destination.objects.keys()].filter((name) => name.startsWith(folder))
  const store: typeof real = {
    ...real,
    async snapshot(options) {
      const taken = await real.snapshot(options)
      return {
        ...taken,
        async *namedMedia() {
          while (landed('packs/').length === 0) await setTimeout(5)
          cancel.abort()
          yield* taken.namedMedia()
        },
      }
    },
  }
  await expect(it_.backUp({ store, signal: cancel.signal })).rejects.toMatchObject({ code: 'cancelled' })
  expect(landed('snapshots/')).toEqual([])
  expect((await it_.backUp()).seq).toBe(1)
})
