import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { forget } from '../../main/core/jobs/forget.ts'
import { withSecret } from '../../main/core/keys/secret.ts'
import { quiet } from '../fixtures/job-options.ts'
import { addRows, change, type Practice, practice, putMedia } from '../fixtures/practice-archive.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'

const vectors = join(import.meta.dirname, '..', 'vectors')

/** The system's own Python first: another one that comes before it may lack the modules. */
const python = ['/usr/bin/python3', 'python3'].find(
  (name) => spawnSync(name, ['-c', 'import nacl, zstandard'], { stdio: 'ignore' }).status === 0,
)
if (!python) process.stderr.write('skipped: the second reader, since there is no python3 with nacl and zstandard\n')

function run(
  program: string,
  args: string[],
  env: Record<string, string> = {},
): { status: number | null; answer: unknown } {
  const { status, stdout, stderr } = spawnSync(python ?? '', ['-B', join(vectors, program), ...args], {
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  expect(stderr).toBe('')
  return { status, answer: JSON.parse(stdout) }
}

/** The archive as files in a folder. */
function folderOf({ destination }: Practice): string {
  const archive = temporaryFolder()
  for (const [name, { bytes }] of destination.objects) {
    mkdirSync(dirname(join(archive, name)), { recursive: true })
    writeFileSync(join(archive, name), bytes)
  }
  return archive
}

function keyOf({ secret }: Practice): Record<string, string> {
  return { COFFER_KEY: withSecret(secret, (key) => key.toString('hex')) }
}

describe.skipIf(!python)('a reader written from docs/FORMAT.md alone', () => {
  let it_: Practice | undefined
  afterEach(() => it_?.remove())

  it('recomputes every value, restores every valid vector and refuses every invalid one', () => {
    const { status, answer } = run('check.py', [vectors])
    expect(answer).toMatchObject({ differ: [] })
    expect(status).toBe(0)
  })

  it.each([512, 4096, 65_536])(
    'restores every snapshot of an archive that was just written, with pages of %i bytes',
    async (pageSize) => {
      const bench = (it_ = await practice({ pageSize }))
      const contents: Map<string, Buffer>[] = []
      const step = async (by: () => void): Promise<void> => {
        by()
        await bench.backUp()
        contents.push(bench.content())
      }
      await step(() => {
        change(bench.database, (db) => addRows(db, 1500))
        putMedia(bench, 'a', randomBytes(5 * 1024 * 1024))
        putMedia(bench, 'empty', Buffer.alloc(0))
        putMedia(bench, 'line\nbreak', randomBytes(100))
      })
      await step(() => change(bench.database, (db) => addRows(db, 20)))
      await step(() => {
        change(bench.database, (db) => db.exec('delete from message where id > 900; vacuum'))
        unlinkSync(join(bench.media, 'a'))
      })
      await step(() => change(bench.database, (db) => addRows(db, 200)))

      const archive = folderOf(bench)
      const env = keyOf(bench)
      expect(run('verifier.py', [archive], env).answer).toMatchObject({ ok: true })
      const { snapshots } = run('reader.py', ['list', archive], env).answer as { snapshots: { snapshot: string }[] }
      expect(snapshots.length).toBe(contents.length)
      for (const [i, { snapshot }] of snapshots.entries()) {
        const target = join(temporaryFolder(), 'target')
        const { files } = run('reader.py', ['restore', archive, target, snapshot], env).answer as {
          files: { path: string; sha256: string }[]
        }
        const found = files.map(({ path, sha256 }) => [Buffer.from(path, 'hex').toString('latin1'), sha256])
        const expected = [...(contents[i] ?? [])].map(([path, bytes]) => [
          path,
          createHash('sha256').update(bytes).digest('hex'),
        ])
        expect(found.toSorted()).toEqual(expected.toSorted())
        for (const [path, bytes] of contents[i] ?? [])
          expect(readFileSync(join(target, path)).equals(bytes), path).toBe(true)
      }
    },
  )

  it('finds whole what forgetting leaves: packs and layers written anew, next revisions, a forgotten list', async () => {
    const bench = (it_ = await practice())
    for (let day = 0; day < 6; day++) {
      change(bench.database, (db) => {
        addRows(db, 400)
        if (day % 2 === 1) db.exec('delete from message where id % 3 = 0; vacuum')
      })
      // Three of four files of the first pack go: it is not worth keeping as it is.
      if (day === 0) for (const name of ['a', 'b', 'c', 'd']) putMedia(bench, name, randomBytes(200_000))
      if (day === 1) for (const name of ['a', 'b', 'c']) unlinkSync(join(bench.media, name))
      await bench.backUp()
    }
    const session = await bench.open()
    const { forgotten, repacked } = await forget(session, { ...quiet, keep: { last: 2 } })
    session.close()
    expect(forgotten.length).toBe(4)
    expect(repacked.objects).toBeGreaterThan(0)
    expect(run('verifier.py', [folderOf(bench)], keyOf(bench)).answer).toMatchObject({ ok: true })
    await bench.backUp()
    expect(run('verifier.py', [folderOf(bench)], keyOf(bench)).answer).toMatchObject({ ok: true })
  })

  it('gives nothing away for a wrong key', () => {
    const target = join(temporaryFolder(), 'target')
    const env = { COFFER_KEY: '0'.repeat(64) }
    expect(run('reader.py', ['restore', join(vectors, 'one-database', 'archive'), target], env)).toMatchObject({
      status: 1,
      answer: { error: 'wrong_key' },
    })
    expect(existsSync(target)).toBe(false)
  })
})
