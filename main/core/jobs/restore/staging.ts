/**
 * The private folder inside a target in which everything is put together and checked before any of it takes its own
 * name there. On the target's own disk, so that taking its name is a rename: at once, whole, and without copying.
 */
import { randomBytes } from 'node:crypto'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { CofferError } from '../../../../contract/errors.ts'
import { localFailure } from '../../archive/read/local-failure.ts'
import { processIsAlive } from '../../stores/private-folder.ts'
import { probeRules } from './probe.ts'
import type { NameRules } from './safe-name.ts'

export const stagingName = /^\.coffer-restore-[0-9a-f]{16}$/
const ownerFile = 'owner.json'

/** Those of this process: they are in use, whatever their owner file says. */
const inUse = new Set<string>()

export interface Staging {
  /** The target, absolute, with links resolved. */
  target: string
  /** The private folder in it. */
  root: string
  /** Where the files are put together, under their final names. */
  files: string
  rules: NameRules
  /**
   * Where the `n`th database is written: in a folder of its own, since SQLite leaves files beside it. Errors:
   * target_failed, local_full.
   */
  database(n: number): string
  /** Removes the private folder and all that is left in it; with `undo` also the target if it was made for this. */
  remove(options: { undo: boolean }): void
}

/**
 * Makes the private folder, and the target if need be. Removes those of restores that were killed.
 * Errors: target_failed, local_full.
 */
export function openStaging(target: string, probe = probeRules): Staging {
  let root: string | undefined
  let made: string | undefined
  const remove = ({ undo }: { undo: boolean }): void => {
    if (root !== undefined) {
      rmSync(root, { recursive: true, force: true, maxRetries: 3 })
      inUse.delete(root)
    }
    if (undo && made !== undefined) removeEmpty(target, made)
  }
  try {
    made = mkdirSync(target, { recursive: true })
    const real = realpathSync(target)
    sweep(real)
    root = join(real, newStagingName())
    inUse.add(root)
    mkdirSync(root, { mode: 0o700 })
    writeFileSync(join(root, ownerFile), JSON.stringify({ pid: process.pid, host: hostname() }))
    const inside = (name: string): string => join(root ?? '', name)
    for (const folder of ['files', 'databases', 'probe']) mkdirSync(inside(folder), { mode: 0o700 })
    return {
      target: real,
      root,
      files: inside('files'),
      rules: probe(inside('probe')),
      database(n) {
        const folder = join(inside('databases'), String(n))
        try {
          mkdirSync(folder, { mode: 0o700 })
        } catch (error) {
          throw localFailure(error, target)
        }
        return join(folder, 'database')
      },
      remove,
    }
  } catch (error) {
    remove({ undo: true })
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'EEXIST')
      throw new CofferError('target_failed', { path: target, reason: 'this is a file, not a folder' }, { cause: error })
    throw localFailure(error, target)
  }
}

/** Sixteen digits: eight for the process, so that one killed before it could write down who it is can be told. */
function newStagingName(): string {
  return `.coffer-restore-${process.pid.toString(16).padStart(8, '0')}${randomBytes(4).toString('hex')}`
}

/** Removes `folder` and the folders above it down from `top`, all of which were made just now, as far as they are empty. */
function removeEmpty(folder: string, top: string): void {
  try {
    for (let at = folder; !relative(top, at).startsWith('..'); at = dirname(at)) rmdirSync(at)
  } catch {
    // Someone else has put something there: it stays.
  }
}

/** Removes what killed restores left: nobody else's, and none that may still be running. */
function sweep(target: string): void {
  for (const name of readdirSync(target)) {
    const folder = join(target, name)
    if (!stagingName.test(name) || inUse.has(folder) || !lstatSync(folder).isDirectory() || isRunning(folder)) continue
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

function isRunning(folder: string): boolean {
  let owner: unknown
  try {
    owner = JSON.parse(readFileSync(join(folder, ownerFile), 'utf8'))
  } catch {
    const pid = Number.parseInt(basename(folder).slice(-16, -8), 16)
    return processIsAlive(pid) && Date.now() - lstatSync(folder).mtimeMs < 10_000
  }
  if (
    typeof owner !== 'object' ||
    owner === null ||
    !('pid' in owner) ||
    !('host' in owner) ||
    typeof owner.pid !== 'number'
  )
    return false
  // Another computer's process cannot be asked about; it has a week.
  if (owner.host !== hostname()) return Date.now() - lstatSync(folder).mtimeMs < 7 * 24 * 3600 * 1000
  return owner.pid !== process.pid && processIsAlive(owner.pid)
}
