import { randomBytes } from 'node:crypto'
import { rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readForgotten } from '../../../main/core/archive/read/read-layers.ts'
import { judgeChain } from '../../../main/core/jobs/freshness.ts'
import { restore } from '../../../main/core/jobs/restore.ts'
import { verify } from '../../../main/core/jobs/verify.ts'
import { faultyDestination } from '../../faults/fault-destination.ts'
import { diary } from '../../fixtures/diary.ts'
import { expectContent, expectSnapshots, forgetIn, listed } from '../../fixtures/forget-checks.ts'
import { addRows, change, manifests, putMedia } from '../../fixtures/practice-archive.ts'

const { signal } = new AbortController()
const onProgress = (): void => undefined

describe('forgetting snapshots', () => {
  it('deletes what only they needed, and leaves every other as it was', async () => {
    const it_ = await diary()
    await it_.day(() => putMedia(it_, 'old film', randomBytes(5_000_000)))
    await it_.day(() => unlinkSync(join(it_.media, 'old film')))
    await it_.day(() => change(it_.database, (db) => addRows(db, 500)))
    const { forgotten, deleted, repacked, written, warnings } = await it_.forget({ keep: { last: 2 } })
    expect(forgotten.length).toBe(1)
    // The film lay beside the messages of its day.
    expect(deleted.bytes + repacked.bytes).toBeGreaterThan(5_000_000)
    expect(written.bytes).toBeLessThan(200_000)
    expect(warnings).toEqual([])
    expect(it_.bytes()).toBeLessThan(400_000)
  })

  it.each([512, 4096, 65536])(
    'goes on for weeks with pages of %i bytes: verify finds no fault, restore gives the newest',
    async (pageSize) => {
      const it_ = await diary({ pageSize })
      await it_.day(() => change(it_.database, (db) => addRows(db, 2000)))
      for (let i = 0; i < 12; i++) {
        await it_.day(() => {
          change(it_.database, (db) => {
            addRows(db, 5 + i * 20)
            db.exec(`update message set body = randomblob(300) where id % 40 = ${i}`)
            if (i === 5) db.exec('delete from message where id > 900; vacuum')
          })
          putMedia(it_, `photo ${i}`, randomBytes(30_000))
          if (i > 2) unlinkSync(join(it_.media, `photo ${i - 3}`))
        })
        if (i % 4 === 3) await it_.forget({ keep: { last: 3 } })
      }
      const session = await it_.session()
      const { faults } = await verify(session, { read: true, proof: false, signal, onProgress })
      expect(faults).toEqual([])
      const target = join(it_.folder, 'target')
      const restored = await restore(session, { target, salvage: false, overwrite: false, signal, onProgress })
      expect(restored).toMatchObject({
        integrity: 'ok',
        missing: [],
        warnings: [],
        snapshot: [...it_.expected.keys()].at(-1),
      })
    },
  )
})

describe('packs', () => {
  it('less than half alive are written anew, so the archive shrinks to what is needed', async () => {
    const it_ = await diary()
    // 3 MB of messages in one pack, of which a quarter outlives the first snapshot.
    await it_.day(() => change(it_.database, (db) => addRows(db, 1000, 3000)))
    await it_.day(() =>
      change(it_.database, (db) => db.exec('update message set body = randomblob(3000) where id > 250')),
    )
    const before = it_.bytes()
    const { repacked, written } = await it_.forget({ keep: { last: 1 } })
    expect(repacked.objects).toBeGreaterThan(0)
    expect(repacked.bytes).toBeGreaterThan(3_000_000)
    expect(written.bytes).toBeLessThan(1_000_000)
    expect(it_.bytes()).toBeLessThan(before - 2_000_000)
    // What is alive now, and little else.
    expect(it_.bytes()).toBeLessThan(1.1 * (it_.content().get('messages.db')?.length ?? 0))
  })

  it('more than half alive stay as they are', async () => {
    const it_ = await diary()
    await it_.day(() => change(it_.database, (db) => addRows(db, 1000, 3000)))
    await it_.day(() =>
      change(it_.database, (db) => db.exec('update message set body = randomblob(3000) where id > 700')),
    )
    const packs = await listed(await it_.session(), 'packs')
    const { repacked } = await it_.forget({ keep: { last: 1 } })
    expect(repacked.bytes).toBeLessThan(100_000)
    const left = await listed(await it_.session(), 'packs')
    expect(packs.filter((name) => left.includes(name)).length).toBeGreaterThanOrEqual(2)
  })

  it('that are small are joined when there are sixteen', async () => {
    const it_ = await diary()
    for (let i = 0; i < 7; i++) await it_.day(() => change(it_.database, (db) => addRows(db, 20)))
    const packs = await listed(await it_.session(), 'packs')
    expect(packs.length).toBe(14)
    expect((await it_.forget({ keep: 'all' })).repacked.objects).toBe(0)
    await it_.day(() => change(it_.database, (db) => addRows(db, 20)))
    expect((await it_.forget({ keep: 'all' })).repacked.objects).toBe(16)
    expect((await listed(await it_.session(), 'packs')).length).toBe(2)
    // And then there is nothing to be done any more.
    expect(await it_.forget({ keep: 'all' })).toMatchObject({
      repacked: { objects: 0 },
      written: { objects: 0 },
      deleted: { objects: 0 },
    })
  })

  it('wait for room where there is too little to write them anew, and then are', async () => {
    const it_ = await diary()
    await it_.day(() => change(it_.database, (db) => addRows(db, 1000, 3000)))
    await it_.day(() =>
      change(it_.database, (db) => db.exec('update message set body = randomblob(3000) where id > 250')),
    )
    const free = it_.destination.free
    it_.destination.free = () => Promise.resolve(4_500_000)
    const tight = await it_.forget({ keep: { last: 1 } })
    expect(tight.warnings).toMatchObject([{ code: 'destination_full', detail: { postponed: 1 } }])
    it_.destination.free = free
    expect((await it_.forget({ keep: 'all' })).repacked.bytes).toBeGreaterThan(3_000_000)
  })

  it('with a damaged blob that is needed stay, and the fault is told', async () => {
    const it_ = await diary()
    await it_.day(() => change(it_.database, (db) => addRows(db, 1000, 3000)))
    await it_.day(() =>
      change(it_.database, (db) => db.exec('update message set body = randomblob(3000) where id > 250')),
    )
    const [largest] = [...it_.destination.objects]
      .filter(([name]) => name.startsWith('packs/'))
      .sort(([, a], [, b]) => b.bytes.length - a.bytes.length)
    const [name, { bytes }] = largest ?? ['', { bytes: new Uint8Array() }]
    // Its first run holds the first pages, which did not change.
    bytes[100] = (bytes[100] ?? 0) ^ 1
    const { warnings } = await forgetIn(await it_.session(), { keep: { last: 1 } })
    expect(warnings).toMatchObject([{ code: 'pack_altered', detail: { object: name } }])
    expect(await listed(await it_.session(), 'packs')).toContain(name)
  })
})

describe('the next backup', () => {
  it('uploads next to nothing after packs were replaced, and looks nothing up that it did not before', async () => {
    const it_ = await diary()
    await it_.day(() => {
      change(it_.database, (db) => addRows(db, 1000, 3000))
      for (let i = 0; i < 30; i++) putMedia(it_, `photo ${i}`, randomBytes(30_000))
    })
    await it_.day(() => {
      change(it_.database, (db) => db.exec('update message set body = randomblob(3000) where id > 250'))
      for (let i = 0; i < 20; i++) unlinkSync(join(it_.media, `photo ${i}`))
    })
    const gets = async () => {
      const destination = faultyDestination(it_.destination)
      const { uploaded, databases, files } = await it_.backUp({ destination })
      expect(databases.map(({ changed }) => changed)).toEqual([0])
      expect(files).toEqual({ new: 0, unchanged: 10, missing: 0 })
      expect(uploaded).toMatchObject({ objects: 1 })
      return destination.count('get')
    }
    const before = await gets()
    expect((await forgetIn(await it_.session(), { keep: { last: 1 } })).repacked.bytes).toBeGreaterThan(3_000_000)
    // A mirror that was rebuilt from its layers would have read them.
    expect(await gets()).toBe(before)
  })

  it('finds what was moved by its hash, and is exact, on this computer and on one that starts anew', async () => {
    const it_ = await diary()
    await it_.day(() => change(it_.database, (db) => addRows(db, 1000, 3000)))
    await it_.day(() =>
      change(it_.database, (db) => db.exec('update message set body = randomblob(3000) where id > 250')),
    )
    await it_.forget({ keep: { last: 1 } })
    await it_.day(() => change(it_.database, (db) => db.exec('delete from message where id % 3 = 0; vacuum')))
    await it_.day(() => change(it_.database, (db) => addRows(db, 10)))
    await expectSnapshots(await it_.session(), it_.expected)
    rmSync(join(it_.home, 'archives', (await it_.session()).archive, 'cache.db'))
    // Packs that only the lost journal knew are taken for another computer's until they are a week old.
    it_.pass(8)
    await it_.day(() => change(it_.database, (db) => addRows(db, 10)))
    await it_.forget({ keep: { last: 2 } })
    await it_.day(() => change(it_.database, (db) => addRows(db, 10)))
    await expectSnapshots(await it_.session(), it_.expected)
  })

  it('heals what was lost after packs were replaced: the mirror knows where things lie now', async () => {
    const it_ = await diary()
    await it_.day(() => change(it_.database, (db) => addRows(db, 1000, 3000)))
    await it_.day(() =>
      change(it_.database, (db) => db.exec('update message set body = randomblob(3000) where id > 250')),
    )
    await it_.forget({ keep: { last: 1 } })
    for (const name of it_.destination.objects.keys())
      if (name.startsWith('packs/')) it_.destination.objects.delete(name)
    const healed = await it_.day()
    const session = await it_.session()
    const newest = (await manifests(session)).at(-1)
    if (newest?.snapshot !== healed) throw new Error('the newest is not the one just made')
    await expectContent(session, newest, it_.content())
  })
})

describe('while it is under way', () => {
  it('it can be cancelled at any time, and the next one goes on from there', async () => {
    const it_ = await diary()
    for (let i = 0; i < 9; i++) await it_.day(() => change(it_.database, (db) => addRows(db, 20)))
    for (let calls = 1; it_.expected.size > 1; calls++) {
      const cancel = new AbortController()
      let left = calls
      const destination = faultyDestination(it_.destination)
      const stop = (): void => void (--left <= 0 && cancel.abort())
      const watched = {
        ...destination,
        put: (name: string, bytes: Uint8Array) => (stop(), it_.destination.put(name, bytes)),
        delete: (name: string) => (stop(), it_.destination.delete(name)),
      }
      const session = await it_.open(watched)
      const result = await forgetIn(session, { keep: { last: 1 }, signal: cancel.signal }).catch(
        (error: unknown) => error,
      )
      if (cancel.signal.aborted && result instanceof Error) expect(result).toMatchObject({ code: 'cancelled' })
      const there = new Set<string>((await manifests(session)).map(({ snapshot }) => snapshot))
      for (const snapshot of it_.expected.keys()) if (!there.has(snapshot)) it_.expected.delete(snapshot)
      await expectSnapshots(session, it_.expected)
      session.close()
    }
    await it_.forget({ keep: 'all' })
  })

  // Joining what is small, and listing what is deleted: each alone writes both packs and manifests.
  it.each([
    { hidden: 'packs', keep: 'all' },
    { hidden: 'snapshots', keep: 'all' },
    { hidden: 'packs', keep: { last: 7 } },
    { hidden: 'snapshots', keep: { last: 7 } },
  ] as const)(
    'nothing old goes while what replaces it is not listed: new $hidden, keeping $keep',
    async ({ hidden, keep }) => {
      const it_ = await diary()
      for (let i = 0; i < 9; i++) await it_.day(() => change(it_.database, (db) => addRows(db, 20)))
      const there = [...it_.destination.objects.keys()]
      const session = await it_.open({
        ...it_.destination,
        // A cloud that takes its time to show what was uploaded.
        async *list(folder) {
          for await (const object of it_.destination.list(folder))
            if (folder !== hidden || there.includes(object.name)) yield object
        },
      })
      await expect(forgetIn(session, { keep })).rejects.toMatchObject({
        code: 'destination_failed',
        detail: { reason: 'not listed after it was written' },
      })
      session.close()
      expect([...it_.destination.objects.keys()]).toEqual(expect.arrayContaining(there))
      await it_.forget({ keep })
    },
  )
})

describe('the chain of snapshots', () => {
  it('can be followed from each that stays, by its own list alone, across all that were ever deleted', async () => {
    const it_ = await diary()
    const ids: string[] = []
    for (let i = 0; i < 10; i++) ids.push(await it_.day(() => change(it_.database, (db) => addRows(db, 5))))
    await it_.forget({ snapshots: ids.slice(1, 3) })
    await it_.forget({ snapshots: ids.slice(4, 6) })
    for (let i = 0; i < 3; i++) ids.push(await it_.day())
    await it_.forget({ snapshots: [ids[3] ?? '', ids[6] ?? '', ids[10] ?? ''] })
    const session = await it_.session()
    for (const manifest of await manifests(session)) {
      const alone = (await manifests(session)).filter(({ seq }) => seq <= manifest.seq)
      // As if this were the newest that is left.
      expect(await judgeChain(session, alone, []), `backup ${manifest.seq}`).toEqual([])
      expect((await readForgotten(session, manifest.forgotten.layers)).size).toBe(manifest.forgotten.count)
    }
    expect((await manifests(session)).at(-1)?.forgotten.count).toBe(7)
  })
})
