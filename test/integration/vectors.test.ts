import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { folderDestination } from '../../main/core/destinations/folder.ts'
import { openSession, type Session } from '../../main/core/jobs/session.ts'
import { listSnapshots } from '../../main/core/jobs/snapshots.ts'
import { restore } from '../../main/core/jobs/restore.ts'
import { verify } from '../../main/core/jobs/verify.ts'
import { readKey } from '../../main/core/keys/sixty-four-digits.ts'
import { startWorker } from '../../main/engine/start-worker.ts'
import { filesBelow } from '../fixtures/files-below.ts'
import { plain, quiet } from '../fixtures/job-options.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const vectors = join(import.meta.dirname, '..', 'vectors')

const ExpectedFile = z.object({
  path: z.string(),
  size: z.number(),
  sha256: z.string(),
  modified: z.string().optional(),
})
const Expected = z.object({
  key: z.string(),
  archive: z.string(),
  warnings: z.array(z.string()),
  snapshots: z.array(
    z.object({
      snapshot: z.string(),
      seq: z.number(),
      kind: z.string(),
      chats: z.number(),
      messages: z.number(),
      newest: z.number().nullable(),
      createdAt: z.number(),
      files: z.array(ExpectedFile),
    }),
  ),
})
const ExpectedFault = z.object({
  key: z.string(),
  found: z.enum(['restore', 'verify']),
  error: z.string(),
  object: z.string().nullable(),
})

function foldersIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
}

function readJson(...path: string[]): unknown {
  return JSON.parse(readFileSync(join(...path), 'utf8')) as unknown
}

async function openVector(archive: string, key: string): Promise<Session> {
  const secret = readKey(key).key
  try {
    return await openSession({
      destination: folderDestination(archive),
      secret,
      home: temporaryFolder(),
      now: () => new Date(0),
      startWorker,
    })
  } finally {
    secret.dispose()
  }
}

/** Every file below a folder as expected.json tells it. */
function restored(folder: string): z.infer<typeof ExpectedFile>[] {
  return filesBelow(folder).map(({ name, full }) => {
    const { size, mtimeNs } = statSync(full, { bigint: true })
    const sha256 = createHash('sha256').update(readFileSync(full)).digest('hex')
    return { path: Buffer.from(name, 'latin1').toString('hex'), size: Number(size), sha256, modified: String(mtimeNs) }
  })
}

const archives = ['one-database', 'two-snapshots-with-media', 'many-layers', 'after-forgetting', 'damaged-first-copy']

describe.each(archives)('the archive %s', (name) => {
  const expected = Expected.parse(readJson(vectors, name, 'expected.json'))
  const archive = join(vectors, name, 'archive')

  it('lists its snapshots as they were made', async () => {
    const session = await openVector(archive, expected.key)
    const { snapshots, warnings } = await listSnapshots(session)
    session.close()
    expect(session.archive).toBe(expected.archive)
    expect(warnings.map(({ code }) => code)).toEqual(expected.warnings)
    expect(snapshots).toMatchObject(
      expected.snapshots.map(({ snapshot, seq, kind, chats, messages, newest, createdAt }) => ({
        id: snapshot,
        seq,
        kind,
        chats,
        messages,
        newest: newest === null ? null : new Date(newest),
        createdAt: new Date(createdAt),
      })),
    )
  })

  it('gives back every byte, name and time of each snapshot', async () => {
    const session = await openVector(archive, expected.key)
    for (const { snapshot, files } of expected.snapshots) {
      const target = temporaryFolder()
      const result = await restore(session, { ...plain, target, snapshot })
      expect(result).toMatchObject({ snapshot, files: files.length, integrity: 'ok', missing: [] })
      // Names that this computer's file system cannot hold come back changed; Linux holds all of them.
      const comparable = (list: z.infer<typeof ExpectedFile>[]) =>
        list.map(({ path, size, sha256, modified }) => ({
          ...(process.platform === 'linux' && { path }),
          size,
          sha256,
          ...(path.includes('2f') && { modified }),
        }))
      const sorted = (list: z.infer<typeof ExpectedFile>[]) =>
        comparable(list)
          .map((it) => JSON.stringify(it))
          .sort()
      expect(sorted(restored(target))).toEqual(sorted(files))
    }
    session.close()
  })

  it('verifies whole, every byte read', async () => {
    const session = await openVector(archive, expected.key)
    const { faults } = await verify(session, { ...quiet, read: true, proof: false })
    session.close()
    // Of the valid ones only this has something wrong: what its warning says.
    if (name === 'damaged-first-copy') expect(faults).toMatchObject([{ code: 'newer_format', object: 'coffer.json' }])
    else expect(faults).toEqual([])
  })
})

describe('an invalid archive', () => {
  const all = foldersIn(join(vectors, 'invalid')).map((name) => ({
    name,
    ...ExpectedFault.parse(readJson(vectors, 'invalid', name, 'expected.json')),
  }))

  it.each(all.filter(({ found }) => found === 'restore'))(
    'is refused, and nothing restored: $name, $error',
    async ({ name, key, error, object }) => {
      const target = join(temporaryFolder(), 'target')
      const work = async (): Promise<void> => {
        const session = await openVector(join(vectors, 'invalid', name, 'archive'), key)
        try {
          await restore(session, { ...plain, target })
        } finally {
          session.close()
        }
      }
      await expect(work()).rejects.toMatchObject({ code: error, ...(object !== null && { detail: { object } }) })
      expect(readdirSync(join(target, '..'))).toEqual([])
    },
  )

  it.each(all.filter(({ found }) => found === 'verify'))(
    'can be restored, and verifying tells: $name, $error',
    async ({ name, key, error, object }) => {
      const session = await openVector(join(vectors, 'invalid', name, 'archive'), key)
      const target = join(temporaryFolder(), 'target')
      await restore(session, { ...plain, target })
      const { faults } = await verify(session, { ...quiet, read: true, proof: false })
      session.close()
      expect(faults).toContainEqual(expect.objectContaining({ code: error, object }))
      // Nothing else is blamed.
      expect(new Set(faults.map((fault) => fault.object))).toEqual(new Set([object]))
    },
  )
})
