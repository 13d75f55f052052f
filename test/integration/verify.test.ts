import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packName } from '../../main/core/archive/format/names.ts'
import { verify, type VerifyOptions } from '../../main/core/jobs/verify.ts'
import { faultyDestination } from '../faults/fault-destination.ts'
import { fakeOpenWorkers } from '../fixtures/fake-open-worker.ts'
import { quiet } from '../fixtures/job-options.ts'
import { TinyArchive } from '../fixtures/tiny-archive.ts'
import { tinyDatabase } from '../fixtures/tiny-database.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { openTiny } from '../fixtures/tiny-session.ts'

const quick: VerifyOptions = {
  ...quiet,
  read: false,
  proof: false,
}

function exampleArchive(database = tinyDatabase()): TinyArchive {
  const archive = new TinyArchive()
  const files = [1, 2, 3].map((n) => ({ path: `M/${n}`, bytes: randomBytes(n * 1000) }))
  archive.add({ databases: [{ path: 'a.db', pageSize: 1024, bytes: database }], files })
  archive.add({ databases: [{ path: 'a.db', pageSize: 1024, bytes: database }], files: files.slice(1) })
  return archive
}

describe('verify', () => {
  it('reads no pack where only presence and size are asked for, but those that hold tables', async () => {
    const archive = exampleArchive()
    const pack = archive.newPack()
    pack.add(1, Buffer.alloc(1024))
    pack.store()
    const destination = faultyDestination(archive.destination)
    const session = await openTiny(archive, { destination, workers: fakeOpenWorkers })
    expect(await verify(session, quick)).toMatchObject({
      ok: true,
      checked: { objects: archive.destination.objects.size },
    })
    const touched = (): number =>
      destination.calls.filter(({ kind, name }) => kind === 'get' && name === packName(pack.ref.id)).length
    expect(touched()).toBe(0)
    expect((await verify(session, { ...quick, read: true })).faults).toMatchObject([
      { code: 'pack_altered', object: packName(pack.ref.id) },
    ])
    expect(touched()).toBeGreaterThan(0)
  })

  it('with real workers tells how far it is, to the end', async () => {
    const archive = exampleArchive()
    let last = { done: 0, total: 0 }
    const onProgress: VerifyOptions['onProgress'] = ({ done, total }) => (last = { done, total })
    const { checked } = await verify(await openTiny(archive), { ...quick, read: true, onProgress })
    const packs = [...archive.destination.objects].filter(([name]) => name.startsWith('packs/'))
    expect(last).toEqual({ done: packs.reduce((sum, [, { bytes }]) => sum + bytes.length, 0), total: checked.bytes })
  })

  it('can be cancelled at any step', async () => {
    const archive = exampleArchive()
    for (let at = 1; at < 6; at++) {
      const stop = new AbortController()
      let seen = 0
      const options = {
        ...quick,
        read: true,
        signal: stop.signal,
        onProgress: () => void (++seen === at && stop.abort()),
      }
      const session = await openTiny(archive, { workers: fakeOpenWorkers })
      await expect(verify(session, options)).rejects.toMatchObject({ code: 'cancelled' })
    }
  })

  it('takes a destination out of reach for no damage', async () => {
    const archive = exampleArchive()
    const counting = faultyDestination(archive.destination)
    await verify(await openTiny(archive, { destination: counting, workers: fakeOpenWorkers }), { ...quick, read: true })
    for (let at = 2; at <= counting.calls.length; at++) {
      const destination = faultyDestination(archive.destination, { at })
      const session = await openTiny(archive, { destination, workers: fakeOpenWorkers })
      await expect(verify(session, { ...quick, read: true }), `call ${at}`).rejects.toMatchObject({
        code: 'destination_failed',
      })
    }
  })
})

describe('a proof', () => {
  it('restores everything and leaves nothing of it', async () => {
    const home = temporaryFolder()
    const archive = exampleArchive()
    const phases = new Set<string>()
    const session = await openTiny(archive, { home })
    const result = await verify(session, { ...quick, proof: true, onProgress: ({ phase }) => phases.add(phase) })
    expect(result).toMatchObject({ ok: true, faults: [] })
    expect([...phases]).toEqual(expect.arrayContaining(['write', 'check']))
    expect(readdirSync(join(home, 'archives', archive.archive))).toEqual(['memory.json'])
  })

  it('tells that SQLite complains about a restored database', async () => {
    const database = tinyDatabase({ rows: 300 })
    database.fill(0xee, 3 * 1024, 4 * 1024)
    const session = await openTiny(exampleArchive(database))
    expect(await verify(session, { ...quick, read: true })).toMatchObject({ ok: true })
    const { ok, faults } = await verify(session, { ...quick, proof: true })
    expect({ ok, faults }).toMatchObject({ ok: false, faults: [{ code: 'restored_damaged', object: 'a.db' }] })
  })

  it('finds damage that looking does not, and leaves nothing either', async () => {
    const home = temporaryFolder()
    const archive = exampleArchive()
    const [first] = archive.manifests
    const name = `packs/${first?.databases[0]?.layers[0]?.pack}`
    const object = archive.destination.objects.get(name)
    if (!object) throw new Error('no pack')
    // Within the first run of pages.
    object.bytes[100] = (object.bytes[100] ?? 0) ^ 1
    const session = await openTiny(archive, { home })
    expect(await verify(session, quick)).toMatchObject({ ok: true })
    expect((await verify(session, { ...quick, proof: true })).faults).toMatchObject([
      { code: 'pack_altered', object: name },
    ])
    expect(existsSync(join(home, 'archives', archive.archive, 'proof'))).toBe(false)
  })
})
