import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CofferError, describe as words } from '../../contract/errors.ts'
import { openSession, type Session } from '../../main/core/jobs/session.ts'
import { restore, type RestoreResult } from '../../main/core/jobs/restore.ts'
import { verify, type VerifyResult } from '../../main/core/jobs/verify.ts'
import { type Damage, flips, mishaps } from '../fixtures/damage.ts'
import { fakeOpenWorkers } from '../fixtures/fake-open-worker.ts'
import { filesBelow } from '../fixtures/files-below.ts'
import { plain, quiet } from '../fixtures/job-options.ts'
import { memoryDestination } from '../fixtures/memory-destination.ts'
import { TinyArchive, type TinyStore } from '../fixtures/tiny-archive.ts'
import { tinyDatabase } from '../fixtures/tiny-database.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const pageSize = 512

const archive = new TinyArchive({ pagesPerRun: 2 })
const before = tinyDatabase({ pageSize, rows: 8 })
const after = Buffer.from(before)
after.write('LOREM', after.indexOf('lorem'))
const kept = randomBytes(70)
const stores: TinyStore[] = [
  {
    databases: [{ path: 'a.db', pageSize, bytes: before }],
    files: [
      { path: 'M/a', bytes: kept },
      { path: 'M/b', bytes: randomBytes(300) },
      { path: 'M/c', bytes: randomBytes(30) },
      { path: 'M/d', bytes: randomBytes(30) },
    ],
  },
  {
    databases: [{ path: 'a.db', pageSize, bytes: after }],
    files: [
      { path: 'M/a', bytes: kept },
      { path: 'M/e', bytes: randomBytes(90) },
    ],
  },
]
for (const store of stores) archive.add(store)
const stranger = new TinyArchive()
for (const store of stores) stranger.add(store)
// Of the same key, so that everything but the archive's id is right.
const sibling = new TinyArchive({ key: archive.key })
for (const store of stores) sibling.add(store)
const whole = archive.destination.objects

/** What work on an archive of these objects gives, or the error it ends with; `home` is what this computer remembers. */
async function onDamaged<T>(
  { objects }: Pick<Damage, 'objects'>,
  home: string,
  work: (session: Session) => Promise<T>,
): Promise<T | CofferError> {
  try {
    using secret = archive.secret()
    const session = await openSession({
      destination: memoryDestination(undefined, objects),
      secret,
      home,
      now: () => new Date(0),
      startWorker: fakeOpenWorkers,
    })
    try {
      return await work(session)
    } finally {
      session.close()
    }
  } catch (error) {
    if (error instanceof CofferError) return error
    throw error
  }
}

const verifyDamaged = (damage: Pick<Damage, 'objects'>, home: string): Promise<VerifyResult | CofferError> =>
  onDamaged(damage, home, (session) => verify(session, { ...quiet, read: true, proof: false }))

describe('verify --read', () => {
  it('finds nothing wrong with a whole archive', async () => {
    const result = await verifyDamaged({ objects: whole }, temporaryFolder())
    expect(result).toMatchObject({
      ok: true,
      faults: [],
      warnings: [],
      checked: { objects: whole.size, bytes: [...whole.values()].reduce((sum, { bytes }) => sum + bytes.length, 0) },
    })
  })

  it('names the object in which any one byte was changed', async () => {
    const home = temporaryFolder()
    let count = 0
    // That every byte of a manifest counts is shown beside its format; here a part of them.
    for (const damage of flips(whole, (name) => (name.startsWith('snapshots/') ? 61 : 1))) {
      const result = await verifyDamaged(damage, home)
      if (result instanceof CofferError) throw new Error(`${damage.what}: ${result.code} instead of a list of faults`)
      expect(result.ok, damage.what).toBe(false)
      expect(
        result.faults.map(({ object }) => object),
        damage.what,
      ).toEqual(damage.hurt)
      count++
    }
    expect(count).toBeGreaterThan(3000)
  })

  it('names what was removed, cut, lengthened, copied, swapped or replaced', async () => {
    const home = temporaryFolder()
    await verifyDamaged({ objects: whole }, home)
    for (const other of [stranger, sibling])
      for (const damage of mishaps(whole, other.destination.objects)) {
        const result = await verifyDamaged(damage, home)
        const faults = result instanceof CofferError ? [{ code: result.code, object: 'coffer.json' }] : result.faults
        expect(faults.length, damage.what).toBeGreaterThan(0)
        const told = faults.map(({ object }) => object)
        const isGone = (name: string): boolean => !damage.objects.has(name)
        for (const name of damage.hurt) {
          // Of two headers that the same key proves, but of different archives, the first is believed: all else is told.
          if (other === sibling && name === 'coffer.json' && damage.what.includes('another')) continue
          // Nobody knows the name of a backup that is gone, only that one is missing.
          if (isGone(name) && name.startsWith('snapshots/'))
            expect(
              faults.map(({ code }) => code),
              damage.what,
            ).toContain(name.includes('00000001') ? 'chain_broken' : 'older_than_known')
          else expect(told, damage.what).toContain(name)
        }
      }
  })
})

describe('a restore from a damaged archive', () => {
  /** Everything that a restore must give: by snapshot, by path. */
  const expected = new Map<string, Map<string, Buffer>>(
    archive.manifests.map(({ snapshot }, i) => [
      snapshot,
      new Map(
        [...(stores[i]?.databases ?? []), ...(stores[i]?.files ?? [])].map(({ path, bytes }) => [String(path), bytes]),
      ),
    ]),
  )

  async function restoreDamaged(
    damage: Damage,
    { salvage }: { salvage: boolean },
  ): Promise<{ result: RestoreResult | CofferError; files: Map<string, Buffer> }> {
    const target = mkdtempSync(join(tmpdir(), 'coffer-test-'))
    const home = mkdtempSync(join(tmpdir(), 'coffer-test-'))
    try {
      const result = await onDamaged(damage, home, (session) => restore(session, { ...plain, target, salvage }))
      return { result, files: filesIn(target) }
    } finally {
      for (const folder of [target, home]) rmSync(folder, { recursive: true })
    }
  }

  function filesIn(folder: string): Map<string, Buffer> {
    return new Map(filesBelow(folder).map(({ name, full }) => [name, readFileSync(full)]))
  }

  const sampled = [
    ...flips(whole, (name) => (name.startsWith('packs/') ? 89 : name.startsWith('snapshots/') ? 1999 : 83)),
  ]
  // A fifth of them, and everything that is simply gone: object names are random, so a fifth alone might miss all packs.
  const happened = [...mishaps(whole, stranger.destination.objects)].filter(
    ({ what }, i) => i % 5 === 0 || what.endsWith('removed'),
  )

  it('gives every byte as it was, or says what is damaged and leaves nothing behind', async () => {
    const codes = new Set<string>()
    for (const damage of [...sampled, ...happened]) {
      const { result, files } = await restoreDamaged(damage, { salvage: false })
      if (result instanceof CofferError) {
        codes.add(result.code)
        expect([3, 4], `${damage.what}: ${result.code}`).toContain(words(result.code).exit)
        expect([...files.keys()], damage.what).toEqual([])
      } else {
        expect(files, damage.what).toEqual(expected.get(result.snapshot))
        expect(result, damage.what).toMatchObject({ missing: [], integrity: 'ok' })
      }
    }
    // All kinds of damage were met, and intact parts did not stand in the way.
    expect([...codes]).toEqual(
      expect.arrayContaining(['pack_missing', 'pack_truncated', 'pack_altered', 'manifest_altered']),
    )
  })

  it('salvages what is intact, never a wrong byte, and lists the rest', async () => {
    let salvaged = 0
    for (const damage of [...sampled, ...happened]) {
      const { result, files } = await restoreDamaged(damage, { salvage: true })
      if (result instanceof CofferError) {
        expect([...files.keys()], damage.what).toEqual([])
        // Only what leaves nothing at all to restore by: no header, or no description that opens.
        expect(
          ['header_altered', 'header_missing', 'wrong_key', 'manifest_altered', 'manifest_missing'],
          damage.what,
        ).toContain(result.code)
        continue
      }
      const all = expected.get(result.snapshot)
      if (!all) throw new Error(`${damage.what}: a snapshot nobody made`)
      const missing = new Map(result.missing.map((it) => [it.path, it]))
      if (missing.size > 0) {
        salvaged++
        expect(
          result.warnings.map(({ code }) => code),
          damage.what,
        ).toContain('salvaged')
      }
      const nameless = result.missing.reduce((sum, { files: lost = 0 }) => sum + lost, 0)
      let unseen = 0
      for (const [path, bytes] of all) {
        const lost = missing.get(path)
        const found = files.get(lost?.kept ?? path)
        files.delete(lost?.kept ?? path)
        if (!found) {
          if (!lost) unseen++
          continue
        }
        expect(found.length, `${damage.what}: ${path}`).toBe(bytes.length)
        if (!lost) expect(found.equals(bytes), `${damage.what}: ${path}`).toBe(true)
        let zeroed = 0
        for (let at = 0; at < found.length; at += pageSize) {
          const page = found.subarray(at, at + pageSize)
          if (page.equals(bytes.subarray(at, at + pageSize))) continue
          expect(
            page.every((byte) => byte === 0),
            `${damage.what}: ${path} at ${at}`,
          ).toBe(true)
          zeroed++
        }
        expect(zeroed, `${damage.what}: ${path}`).toBe(lost?.pages ?? 0)
      }
      expect(unseen, damage.what).toBe(nameless)
      expect([...files.keys()], damage.what).toEqual([])
    }
    expect(salvaged).toBeGreaterThan(10)
  })
})
