/** Giving restored files their own names in the target, once all of them are complete, checked and on the disk. */
import { constants } from 'node:fs'
import { link, lstat, open, readdir, rename, unlink } from 'node:fs/promises'
import { CofferError } from '../../../../contract/errors.ts'
import { localFailure } from '../../archive/read/local-failure.ts'
import { below, type LocalPath, shown } from './local-path.ts'
import { joined } from './name-plan.ts'
import { look, sidecars } from './occupied.ts'
import type { Staging } from './staging.ts'

export interface ToPlace {
  staging: Staging
  databases: { file: string; name: Buffer }[]
  overwrite: boolean
}

/**
 * Moves everything to its place. Into an empty target that is one rename for each name at its root; into one that
 * holds such folders already, file by file. Errors: target_occupied where something has come in between, target_failed.
 */
export async function placeAll({ staging, databases, overwrite }: ToPlace): Promise<void> {
  const { target } = staging
  for (const { file, name } of databases) {
    // Removed right before the database they belonged to, which is about to be replaced: left there, SQLite would
    // mix its last changes into the restored one.
    if (overwrite)
      for (const ending of sidecars) await remove(below(target, [Buffer.concat([name, Buffer.from(ending)])]))
    await moveFile(file, target, [name], overwrite)
  }
  const touched: Buffer[][] = [[]]
  await merge(staging.files, target, [], overwrite, touched)
  for (const names of touched) await syncFolder(below(target, names))
}

async function merge(
  from: string,
  target: string,
  names: Buffer[],
  overwrite: boolean,
  touched: Buffer[][],
): Promise<void> {
  const entries = await attempt(names, () => readdir(below(from, names), { withFileTypes: true, encoding: 'buffer' }))
  for (const entry of entries) {
    const path = [...names, bytesOf(entry.name)]
    if (!entry.isDirectory()) {
      await moveFile(below(from, path), target, path, overwrite)
      continue
    }
    const there = look(below(target, path))
    if (!there) await attempt(path, () => rename(below(from, path), below(target, path)))
    // Looked at without following: a link to a folder elsewhere is not a folder of the target.
    else if (!there.isDirectory()) throw occupied(path)
    else {
      await merge(from, target, path, overwrite, touched)
      touched.push(path)
    }
  }
}

/** Replacing is one rename; not replacing needs a link, which fails where a rename would silently replace. */
async function moveFile(from: LocalPath, target: string, names: Buffer[], overwrite: boolean): Promise<void> {
  const to = below(target, names)
  if (look(to)?.isDirectory()) throw occupied(names)
  await attempt(names, async () => {
    if (overwrite) return rename(from, to)
    try {
      await link(from, to)
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw occupied(names)
      // A file system without hard links: looked at a moment before is the best there is.
      if (look(to)) throw occupied(names)
      return rename(from, to)
    }
    await unlink(from)
  })
}

async function remove(path: LocalPath): Promise<void> {
  try {
    if (!(await lstat(path)).isDirectory()) await unlink(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw localFailure(error)
  }
}

/** Makes renames in a folder survive a power cut. Windows has no such call, and does not need it. */
export async function syncFolder(path: LocalPath): Promise<void> {
  if (process.platform === 'win32') return
  try {
    const folder = await open(path, constants.O_RDONLY)
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch (error) {
    // Some network file systems cannot; they keep no names back.
    const code = codeOf(error)
    if (code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw localFailure(error)
  }
}

async function attempt<T>(names: Buffer[], act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw localFailure(error, shown(joined(names)))
  }
}

function occupied(names: Buffer[]): CofferError {
  return new CofferError('target_occupied', { path: shown(joined(names)) })
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

function bytesOf(name: Buffer | string): Buffer {
  return Buffer.isBuffer(name) ? name : Buffer.from(name)
}
