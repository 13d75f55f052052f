import { describe, expect, it } from 'vitest'
import { LocalCache } from '../../../main/core/archive/local/cache.ts'
import { Journal } from '../../../main/core/archive/local/journal.ts'
import type { Manifest } from '../../../main/core/archive/format/manifest.ts'
import { manifestName, newPackId, newSnapshotId, packName } from '../../../main/core/archive/format/names.ts'
import { readForgotten } from '../../../main/core/archive/read/read-layers.ts'
import { sealManifest } from '../../../main/core/archive/format/sealed-manifest.ts'
import { judgeChain } from '../../../main/core/jobs/freshness.ts'
import { archiveFolder, writeMemory } from '../../../main/core/jobs/memory.ts'
import type { Session } from '../../../main/core/jobs/session.ts'
import { expectTidy, forgetIn, listed, snapshotsIn } from '../../fixtures/forget-checks.ts'
import { manifests } from '../../fixtures/practice-archive.ts'
import { TinyArchive } from '../../fixtures/tiny-archive.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { openTiny } from '../../fixtures/tiny-session.ts'

const writer = '11'.repeat(16)

/** An archive of some snapshots, a page or two changing from one to the next, on the computer that wrote it. */
async function setUp({ snapshots = 4, memory = {} } = {}): Promise<{
  archive: TinyArchive
  session: Session
  home: string
  all: Manifest[]
}> {
  const archive = new TinyArchive()
  const bytes = Buffer.alloc(10 * 512)
  for (let i = 0; i < snapshots; i++) {
    bytes.writeUInt32LE(i + 1, (i % 10) * 512)
    archive.add({
      databases: [{ path: 'a.db', pageSize: 512, bytes: Buffer.from(bytes) }],
      files: [{ path: `file ${i}`, bytes: Buffer.alloc(50, i) }],
    })
  }
  const home = temporaryFolder()
  writeMemory(home, archive.archive, { writer, newest: null, headerNumber: 0, ...memory })
  return { archive, session: await openTiny(archive, { home }), home, all: archive.manifests }
}

// Every manifest here carries ids that the fixture made.
const nameOf = (it: Manifest): string => manifestName(it)
const at = (all: Manifest[], i: number): Manifest => {
  const it = all.at(i)
  if (!it) throw new Error('no such snapshot')
  return it
}

function damage({ destination }: TinyArchive, object: string): void {
  const stored = destination.objects.get(object)
  if (!stored) throw new Error(`no ${object}`)
  stored.bytes[40] = (stored.bytes[40] ?? 0) ^ 1
}

/** Rejects so, and nothing in the destination is any different. */
async function expectRefusal(archive: TinyArchive, work: Promise<unknown>, error: object): Promise<void> {
  const before = [...archive.destination.objects.keys()]
  await expect(work).rejects.toMatchObject(error)
  expect([...archive.destination.objects.keys()]).toEqual(before)
}

describe('who may forget', () => {
  it('only the computer that writes the archive', async () => {
    const { archive } = await setUp()
    const session = await openTiny(archive)
    await expectRefusal(archive, forgetIn(session, { keep: { last: 1 } }), { code: 'other_writer' })
  })

  it('and not while another Coffer on it is at work', async () => {
    const { archive, session, home } = await setUp()
    const held = LocalCache.open(archiveFolder(home, archive.archive))
    await expectRefusal(archive, forgetIn(session, { keep: { last: 1 } }), { code: 'archive_busy' })
    held.close()
    expect((await forgetIn(session, { keep: { last: 1 } })).kept).toBe(1)
  })
})

describe('which snapshots can be named', () => {
  it('any but the newest, by an id or its beginning', async () => {
    const { archive, session, all } = await setUp()
    await expectRefusal(archive, forgetIn(session, { snapshots: [at(all, -1).snapshot] }), { code: 'newest_kept' })
    const { forgotten, kept } = await forgetIn(session, {
      snapshots: [at(all, 0).snapshot.slice(0, 9), at(all, 2).snapshot.toUpperCase()],
    })
    expect(forgotten).toEqual([at(all, 0).snapshot, at(all, 2).snapshot])
    expect(kept).toBe(2)
  })

  it('an id of none, of several or of nothing is refused', async () => {
    const { archive, session } = await setUp({ snapshots: 20 })
    for (const id of ['', ' ', 'xyz', 'ffffffffffffffffffff', 'ab'.repeat(32)])
      await expectRefusal(archive, forgetIn(session, { snapshots: [id] }), { code: 'no_such_snapshot' })
    // Twenty ids share sixteen first digits.
    const firsts = archive.manifests.map(({ snapshot }) => snapshot.slice(0, 1))
    const shared = firsts.find((digit, i) => firsts.indexOf(digit) !== i) ?? ''
    await expectRefusal(archive, forgetIn(session, { snapshots: [shared] }), { code: 'no_such_snapshot' })
  })

  it('an archive without snapshots has none to forget, and nothing to complain of', async () => {
    const { session } = await setUp({ snapshots: 0 })
    expect(await forgetIn(session, { keep: 'smart' })).toMatchObject({ forgotten: [], kept: 0, warnings: [] })
  })
})

describe('nothing is deleted while it cannot be told what is needed', () => {
  it('when the description of a snapshot is damaged; it can be named, and then goes', async () => {
    const { archive, session, all } = await setUp()
    damage(archive, nameOf(at(all, 1)))
    await expectRefusal(archive, forgetIn(session, { keep: { last: 1 } }), {
      code: 'manifest_altered',
      detail: { object: nameOf(at(all, 1)) },
    })
    const { forgotten, warnings } = await forgetIn(session, { snapshots: [at(all, 1).snapshot] })
    expect(forgotten).toEqual([at(all, 1).snapshot])
    expect(warnings).toEqual([])
    await expectTidy(session)
    // Its successor's chain ends where nothing more can be known, and that is no cause for alarm ever after.
    expect((await forgetIn(session, { keep: 'all' })).warnings).toEqual([])
  })

  it('when a snapshot is missing that nobody deleted; its identity can be named, and then counts as deleted', async () => {
    const { archive, session, all } = await setUp()
    archive.destination.objects.delete(nameOf(at(all, 1)))
    const missing = at(all, 1).identity
    await expectRefusal(archive, forgetIn(session, { keep: { last: 2 } }), {
      code: 'chain_broken',
      detail: { object: nameOf(at(all, 2)), missing },
    })
    expect((await forgetIn(session, { snapshots: [missing] })).kept).toBe(3)
    expect((await forgetIn(session, { keep: { last: 2 } })).forgotten).toEqual([at(all, 0).snapshot])
    await expectTidy(session)
  })

  it('when the newest that this computer knows of is not shown', async () => {
    const { archive, home, all } = await setUp()
    writeMemory(home, archive.archive, { writer, newest: { seq: 4, identity: at(all, -1).identity }, headerNumber: 0 })
    archive.destination.objects.delete(nameOf(at(all, -1)))
    const session = await openTiny(archive, { home })
    await expectRefusal(archive, forgetIn(session, { keep: { last: 1 } }), {
      code: 'manifest_missing',
      detail: { number: 4 },
    })
  })

  it('when a map of a snapshot that stays is damaged; without that snapshot all is well', async () => {
    const { archive, session, all } = await setUp({ snapshots: 2 })
    // Another page size begins a stack of layers of its own.
    const database = { path: 'a.db', pageSize: 1024, bytes: Buffer.alloc(4096, 7) }
    archive.add({ databases: [database], files: [] })
    const [layer] = at(all, 0).databases[0]?.layers ?? []
    const stored = archive.destination.objects.get(`packs/${layer?.pack}`)
    if (!stored || !layer) throw new Error('no layer')
    stored.bytes[layer.offset + 30] = (stored.bytes[layer.offset + 30] ?? 0) ^ 1
    await expectRefusal(archive, forgetIn(session, { snapshots: [at(all, 1).snapshot] }), {
      code: 'pack_altered',
      detail: { object: `packs/${layer.pack}` },
    })
    expect((await forgetIn(session, { keep: { last: 1 } })).kept).toBe(1)
    await expectTidy(session)
  })
})

describe('what an interrupted forget left', () => {
  it('a snapshot that the newest lists as deleted is deleted, whatever is asked for now', async () => {
    const { archive, session, all } = await setUp()
    const first = archive.destination.objects.get(nameOf(at(all, 0)))
    await forgetIn(session, { snapshots: [at(all, 0).snapshot] })
    if (first) archive.destination.objects.set(nameOf(at(all, 0)), first)
    expect(await forgetIn(session, { keep: 'all' })).toMatchObject({ forgotten: [at(all, 0).snapshot], kept: 3 })
    await expectTidy(session)
  })

  it('of two revisions the higher counts, and the lower goes', async () => {
    const { archive, session, all } = await setUp()
    const next = { ...at(all, 1), revision: 2 }
    archive.destination.objects.set(nameOf(next), { bytes: sealManifest(next, archive.keys), modified: new Date(0) })
    expect(await forgetIn(session)).toMatchObject({ forgotten: [], kept: 4, warnings: [] })
    expect(await listed(session, 'snapshots')).toContain(nameOf(next))
    await expectTidy(session)
  })

  it('a higher revision that does not open is no loss: the lower one stays, and the next goes above both', async () => {
    const { archive, session, all } = await setUp()
    const torn = { ...at(all, 3), revision: 2 }
    archive.destination.objects.set(nameOf(torn), {
      bytes: sealManifest(torn, archive.keys).subarray(0, 900),
      modified: new Date(0),
    })
    const { warnings } = await forgetIn(session, { snapshots: [at(all, 2).snapshot] })
    expect(warnings).toMatchObject([{ code: 'manifest_altered', detail: { object: nameOf(torn) } }])
    expect((await manifests(session)).at(-1)?.revision).toBe(3)
    await expectTidy(session)
  })
})

describe('a fork', () => {
  it('keeps the newest of both sides, and both list what was deleted', async () => {
    const { archive, session, all } = await setUp()
    const { identity: _, ...newest } = at(all, -1)
    const other = archive.putManifest({ ...newest, snapshot: newSnapshotId(), createdAt: newest.createdAt + 1 })
    const { forgotten, kept, warnings } = await forgetIn(session, { keep: { last: 1 } })
    expect(forgotten.length).toBe(3)
    expect(kept).toBe(2)
    expect(warnings).toMatchObject([{ code: 'fork' }])
    const both = await snapshotsIn(session)
    expect(both.map(({ snapshot }) => snapshot).sort()).toEqual([newest.snapshot, other.snapshot].sort())
    expect(both.map(({ forgotten: list }) => list.count)).toEqual([3, 3])
    await expectRefusal(archive, forgetIn(session, { snapshots: [other.snapshot] }), { code: 'newest_kept' })
    await expectTidy(session)
  })
})

describe('a damaged list of what was deleted', () => {
  it('is written anew from what the other snapshots list', async () => {
    const { archive, session, all } = await setUp({ snapshots: 6 })
    await forgetIn(session, { snapshots: [at(all, 0).snapshot, at(all, 2).snapshot, at(all, 3).snapshot] })
    const [layer] = (await snapshotsIn(session)).at(-1)?.forgotten.layers ?? []
    const stored = archive.destination.objects.get(`packs/${layer?.pack}`)
    if (!stored || !layer) throw new Error('no layer')
    stored.bytes[layer.offset + 30] = (stored.bytes[layer.offset + 30] ?? 0) ^ 1
    const { warnings } = await forgetIn(session, { keep: 'all' })
    expect(warnings).toMatchObject([{ code: 'pack_altered', detail: { object: `packs/${layer.pack}` } }])
    const healed = await snapshotsIn(session)
    expect(await judgeChain(session, healed, [])).toEqual([])
    const { identity: first, predecessor: none } = at(all, 0)
    const list = await readForgotten(session, healed.at(-1)?.forgotten.layers ?? [])
    expect(list.size).toBe(3)
    expect(list.get(first)).toBe(none)
    expect((await forgetIn(session, { keep: 'all' })).warnings).toEqual([])
    await expectTidy(session)
  })
})

describe('packs that no manifest names', () => {
  it('go at once if this computer’s journal knows them, otherwise when they are seven days old', async () => {
    const { archive, session, home } = await setUp()
    const week = 7 * 24 * 3600 * 1000
    const now = (await archive.destination.now()).getTime()
    const [own, young, old] = [newPackId(), newPackId(), newPackId()]
    const cache = LocalCache.open(archiveFolder(home, archive.archive))
    new Journal(cache).reserve(own)
    cache.close()
    const put = (id: typeof own, age: number) =>
      archive.destination.objects.set(packName(id), { bytes: Buffer.alloc(1000), modified: new Date(now - age) })
    put(own, 0)
    put(young, week - 3_600_000)
    put(old, week + 3_600_000)
    expect((await forgetIn(session)).deleted).toEqual({ objects: 2, bytes: 2000 })
    const left = await listed(session, 'packs')
    expect(left).toContain(packName(young))
    expect(left).not.toContain(packName(own))
    expect(left).not.toContain(packName(old))
  })
})
