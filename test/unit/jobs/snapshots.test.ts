import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { manifestName } from '../../../main/core/archive/format/names.ts'
import type { Manifest } from '../../../main/core/archive/format/manifest.ts'
import { readMemory } from '../../../main/core/jobs/memory.ts'
import { findSnapshot, listSnapshots } from '../../../main/core/jobs/snapshots.ts'
import { verify } from '../../../main/core/jobs/verify.ts'
import { fakeOpenWorkers } from '../../fixtures/fake-open-worker.ts'
import { quiet } from '../../fixtures/job-options.ts'
import { TinyArchive } from '../../fixtures/tiny-archive.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'
import { openTiny } from '../../fixtures/tiny-session.ts'

const empty = { databases: [], files: [] }
/** The object of a manifest that is surely there. */
function nameOf(manifest: Manifest | undefined): string {
  if (!manifest) throw new Error('no such manifest')
  return manifestName(manifest)
}
const id = (manifest: Manifest | undefined): string => manifest?.snapshot ?? ''

function archiveOf(count: number): TinyArchive {
  const archive = new TinyArchive()
  for (let i = 0; i < count; i++) archive.add(empty, { messages: i, newest: i === 0 ? null : i })
  return archive
}

async function codes(archive: TinyArchive, home?: string): Promise<string[]> {
  const { warnings } = await listSnapshots(await openTiny(archive, home === undefined ? {} : { home }))
  return warnings.map(({ code }) => code)
}

async function faults(archive: TinyArchive, home?: string): Promise<string[]> {
  const session = await openTiny(archive, { workers: fakeOpenWorkers, ...(home === undefined ? {} : { home }) })
  const result = await verify(session, { ...quiet, read: false, proof: false })
  return result.faults.map(({ code, object }) => `${code} ${object}`)
}

describe('the list of snapshots', () => {
  it('tells all, oldest first, each once, by its highest revision', async () => {
    const archive = archiveOf(12)
    const third = archive.manifests[2]
    if (!third) throw new Error('no third')
    archive.putManifest({ ...third, revision: 2, added: 77 })
    const { snapshots, warnings } = await listSnapshots(await openTiny(archive))
    expect(warnings).toEqual([])
    expect(snapshots.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(snapshots[2]).toEqual({
      id: third.snapshot,
      seq: 3,
      createdAt: new Date(third.createdAt),
      kind: 'sqlite',
      chats: 0,
      messages: 2,
      newest: new Date(2),
      added: 77,
    })
    expect(snapshots[0]?.newest).toBeNull()
  })

  it('says which description is damaged, and shows the backup by an older revision if there is one', async () => {
    const archive = archiveOf(3)
    const second = archive.manifests[1]
    if (!second) throw new Error('no second')
    const damaged = { bytes: new Uint8Array(5000), modified: new Date(0) }
    archive.destination.objects.set(nameOf({ ...second, revision: 2 }), damaged)
    const session = await openTiny(archive)
    expect(await listSnapshots(session)).toMatchObject({
      snapshots: [{ seq: 1 }, { seq: 2 }, { seq: 3 }],
      warnings: [{ code: 'manifest_altered', detail: { object: nameOf({ ...second, revision: 2 }) } }],
    })
    archive.destination.objects.set(nameOf(second), damaged)
    const { snapshots, warnings } = await listSnapshots(session)
    expect(snapshots.map(({ seq }) => seq)).toEqual([1, 3])
    // The third follows the damaged one: nothing else is missing.
    expect(warnings.map(({ code }) => code)).toEqual(['manifest_altered', 'manifest_altered'])
  })

  it('of an empty archive is empty', async () => {
    expect(await listSnapshots(await openTiny(new TinyArchive()))).toEqual({ snapshots: [], warnings: [] })
  })
})

describe('finding a snapshot', () => {
  it('takes the newest, or the one whose id begins so', async () => {
    const archive = archiveOf(5)
    const session = await openTiny(archive)
    expect((await findSnapshot(session, { salvage: false })).manifest.seq).toBe(5)
    const second = id(archive.manifests[1])
    for (const wanted of [second, second.slice(0, 12), second.toUpperCase()])
      expect((await findSnapshot(session, { wanted, salvage: false })).manifest.snapshot).toBe(second)
  })

  it('refuses an id nobody has, one that several have, and an archive without any', async () => {
    const archive = archiveOf(17)
    const session = await openTiny(archive)
    const firsts = archive.manifests.map(({ snapshot }) => snapshot.slice(0, 1))
    // Of seventeen hexadecimal digits two are the same.
    const shared = firsts.find((it, i) => firsts.indexOf(it) !== i)
    for (const wanted of ['', 'zz', 'x'.repeat(16), shared])
      await expect(findSnapshot(session, { wanted, salvage: false }), wanted).rejects.toMatchObject({
        code: 'no_such_snapshot',
      })
    await expect(findSnapshot(await openTiny(new TinyArchive()), { salvage: false })).rejects.toMatchObject({
      code: 'no_snapshots',
    })
  })

  it('never passes an older backup off as the newest, unless asked to save what can be saved', async () => {
    const archive = archiveOf(3)
    archive.destination.objects.set(nameOf(archive.manifests[2]), { bytes: new Uint8Array(9), modified: new Date(0) })
    const session = await openTiny(archive)
    await expect(findSnapshot(session, { salvage: false })).rejects.toMatchObject({ code: 'manifest_altered' })
    const { manifest, warnings } = await findSnapshot(session, { salvage: true })
    expect(manifest.seq).toBe(2)
    expect(warnings).toMatchObject([{ code: 'manifest_altered', detail: { object: nameOf(archive.manifests[2]) } }])
    // By its id the intact one is had without more ado.
    expect((await findSnapshot(session, { wanted: id(archive.manifests[1]), salvage: false })).manifest.seq).toBe(2)
    await expect(findSnapshot(session, { wanted: id(archive.manifests[2]), salvage: true })).rejects.toMatchObject({
      code: 'manifest_altered',
    })
  })
})

describe('freshness', () => {
  it('notices that the newest backups are gone, if this computer has seen them', async () => {
    const archive = archiveOf(3)
    const home = temporaryFolder()
    expect(await codes(archive, home)).toEqual([])
    expect(readMemory(home, archive.archive).newest).toEqual({ seq: 3, identity: archive.manifests[2]?.identity })
    for (const gone of [2, 1]) {
      archive.destination.objects.delete(nameOf(archive.manifests[gone]))
      expect(await codes(archive, home)).toEqual(['older_than_known'])
      expect((await findSnapshot(await openTiny(archive, { home }), { salvage: false })).warnings).toMatchObject([
        { code: 'older_than_known', detail: { known: 3, found: gone } },
      ])
      expect(await faults(archive, home)).toEqual(['older_than_known snapshots'])
    }
    // Still, and not only once; a new computer cannot know.
    expect(readMemory(home, archive.archive).newest?.seq).toBe(3)
    expect(await codes(archive)).toEqual([])
  })

  it('notices a history that was put in the place of the one it knows', async () => {
    const archive = archiveOf(3)
    const home = temporaryFolder()
    await codes(archive, home)
    const second = archive.manifests[1]
    archive.destination.objects.delete(nameOf(archive.manifests[2]))
    archive.manifests.pop()
    archive.add(empty, { predecessor: second?.identity ?? null })
    archive.add(empty)
    expect(await codes(archive, home)).toEqual(['older_than_known'])
  })

  it('takes a backup that was deleted on purpose for no loss', async () => {
    const archive = archiveOf(3)
    const home = temporaryFolder()
    await codes(archive, home)
    const [first, second, third] = archive.manifests
    if (!first || !second || !third) throw new Error('three')
    const row = (it: Manifest) => ({ identity: it.identity, predecessor: it.predecessor })
    const forgotten = archive.forgotten([row(first), row(second), row(third)])
    for (const it of [first, second, third]) archive.destination.objects.delete(nameOf(it))
    archive.add(empty, { forgotten })
    expect(await codes(archive, home)).toEqual([])
    expect(await faults(archive, home)).toEqual([])
  })

  it('works without memory: a home that cannot be written to fails nothing', async () => {
    const archive = archiveOf(2)
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    expect(await codes(archive, join(file, 'below'))).toEqual([])
  })

  it('notices a header that is older than its backups, or names another vault', async () => {
    const vault = { address: 'https://vault.example', fingerprint: Buffer.alloc(32, 1), record: Buffer.alloc(32, 2) }
    const known = {
      address: vault.address,
      fingerprint: vault.fingerprint.toString('hex'),
      record: vault.record.toString('hex'),
    }
    const archive = new TinyArchive()
    archive.putHeader(5, vault)
    archive.add(empty, { header: { number: 5, vault: known } })
    expect(await codes(archive)).toEqual([])
    archive.putHeader(6)
    expect(await codes(archive), 'changed since, as it may be').toEqual([])
    archive.putHeader(5, { ...vault, address: 'https://elsewhere.example' })
    expect(await codes(archive)).toEqual(['header_rewritten'])
    expect(await faults(archive)).toEqual(['header_rewritten coffer.json'])
    archive.putHeader(4, vault)
    expect(await codes(archive)).toEqual(['header_rolled_back'])
    expect(await faults(archive)).toEqual(['header_rolled_back coffer.json'])
  })
})

describe('the chain of backups', () => {
  it('is broken where one is missing that nobody deleted', async () => {
    const archive = archiveOf(5)
    archive.destination.objects.delete(nameOf(archive.manifests[1]))
    archive.destination.objects.delete(nameOf(archive.manifests[2]))
    const { warnings } = await listSnapshots(await openTiny(archive))
    expect(warnings).toEqual([
      {
        code: 'chain_broken',
        detail: { object: nameOf(archive.manifests[3]), missing: archive.manifests[2]?.identity },
      },
    ])
    expect(await faults(archive)).toEqual([`chain_broken ${nameOf(archive.manifests[3])}`])
  })

  it('is followed across those that were deleted', async () => {
    const archive = archiveOf(4)
    const [first, second, third, fourth] = archive.manifests
    if (!first || !second || !third || !fourth) throw new Error('four')
    const row = (it: Manifest) => ({ identity: it.identity, predecessor: it.predecessor })
    archive.destination.objects.delete(nameOf(third))
    archive.putManifest({ ...fourth, revision: 2, forgotten: archive.forgotten([row(third)]) })
    expect(await codes(archive)).toEqual([])
    expect(await faults(archive)).toEqual([])
    // The deleted one leads back to one that must still be there.
    archive.destination.objects.delete(nameOf(second))
    expect(await listSnapshots(await openTiny(archive))).toMatchObject({
      warnings: [{ code: 'chain_broken', detail: { missing: second.identity } }],
    })
  })

  it('forks where two computers wrote at once: both sides can be restored', async () => {
    const archive = archiveOf(2)
    const [first, second] = archive.manifests
    archive.add(empty, { seq: 2, predecessor: first?.identity ?? null, createdAt: (second?.createdAt ?? 0) + 5 })
    const session = await openTiny(archive)
    const { snapshots, warnings } = await listSnapshots(session)
    expect(snapshots.length).toBe(3)
    expect(warnings.map(({ code }) => code)).toEqual(['fork'])
    expect((await findSnapshot(session, { salvage: false })).manifest.snapshot).toBe(archive.manifests[2]?.snapshot)
    expect((await findSnapshot(session, { wanted: id(second), salvage: false })).manifest.snapshot).toBe(
      second?.snapshot,
    )
    expect(await faults(archive)).toEqual([])
  })
})
