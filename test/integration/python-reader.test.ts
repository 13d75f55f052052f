import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { withSecret } from '../../main/core/keys/secret.ts'
import { addRows, change, type Practice, practice, putMedia } from '../fixtures/practice-archive.ts'
import { temporaryFolder } from '../fixtures/tiny-session.ts'

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

      const archive = temporaryFolder()
      for (const [name, { bytes }] of bench.destination.objects) {
        mkdirSync(dirname(join(archive, name)), { recursive: true })
        writeFileSync(join(archive, name), bytes)
      }
      const env = { COFFER_KEY: withSecret(bench.secret, (key) => key.toString('hex')) }
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
