/**
 * Runs inside a mount namespace of its own (restore-disk.test.ts starts it): restores to disks that are too small, have
 * no room for another name, are read-only or fill up meanwhile, and prints what was said and what was left, as JSON.
 */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CofferError } from '../../contract/errors.ts'
import { restore } from '../../main/core/jobs/restore.ts'
import { openSession } from '../../main/core/jobs/session.ts'
import { fakeOpenWorkers } from '../fixtures/fake-open-worker.ts'
import { TinyArchive } from '../fixtures/tiny-archive.ts'

const disk = process.argv[2]
if (disk === undefined) throw new Error('the folder to mount on is missing')
const mount = (...args: string[]): unknown => execFileSync('mount', args, { stdio: ['ignore', 'ignore', 'inherit'] })
const home = mkdtempSync(join(tmpdir(), 'coffer-test-'))

const archive = new TinyArchive()
const files = Array.from({ length: 40 }, (_, n) => ({ path: `M/${String(n)}`, bytes: randomBytes(500_000) }))
archive.add({ databases: [], files })

async function attempt(onFirst: () => void = () => undefined): Promise<unknown> {
  using secret = archive.secret()
  const { destination } = archive
  const session = await openSession({ destination, secret, home, now: () => new Date(0), startWorker: fakeOpenWorkers })
  let begun = false
  const onProgress = (): void => {
    if (!begun) onFirst()
    begun = true
  }
  const options = { salvage: false, overwrite: false, signal: new AbortController().signal, onProgress }
  try {
    const { files: count } = await restore(session, { ...options, target: join(disk ?? '', 't') })
    return count
  } catch (error) {
    if (error instanceof CofferError) return { code: error.code, left: readdirSync(disk ?? '') }
    throw error
  } finally {
    session.close()
  }
}

/** As much as there is room for. */
function fill(): void {
  try {
    writeFileSync(join(disk ?? '', 'ballast'), new Uint8Array(64 << 20))
  } catch {
    // That is what is meant to happen.
  }
}

const result: Record<string, unknown> = {}
mount('-t', 'tmpfs', '-o', 'size=16m', 'coffer', disk)
result['tooSmall'] = await attempt()
mount('-o', 'remount,size=64m', disk)
result['fillsUp'] = await attempt(fill)
rmSync(join(disk, 'ballast'), { force: true })
mount('-o', 'remount,ro', disk)
result['readOnly'] = await attempt()
mount('-o', 'remount,rw', disk)
mkdirSync(join(disk, 'mine'))
result['fits'] = await attempt()
execFileSync('umount', ['-l', disk])
mount('-t', 'tmpfs', '-o', 'nr_inodes=30', 'coffer', disk)
result['noNames'] = await attempt()
execFileSync('umount', ['-l', disk])
rmSync(home, { recursive: true })
process.stdout.write(JSON.stringify(result))
