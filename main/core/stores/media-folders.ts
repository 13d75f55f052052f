/** Which folders of media go into the archive with a store, and under which names. */
import { realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { CofferError } from '../../../contract/errors.ts'
import type { StoreKind } from './kind.ts'
import type { MediaFolder } from './store.ts'

/**
 * The kind's own folders that exist, then those given; each once, under its own base name. `taken` are names at the
 * archive's root that are in use. Names are told apart as a disk that ignores case would; the second `Media` becomes
 * `Media (2)`. Throws media_not_found if a given folder is not there.
 */
export async function findMedia(options: {
  kind: StoreKind
  database: string
  given: readonly string[]
  taken: readonly string[]
}): Promise<MediaFolder[]> {
  const found: MediaFolder[] = []
  const names = new Set(options.taken.map((name) => name.toLowerCase()))
  const add = (folder: string) => {
    if (found.some((known) => known.folder === folder)) return
    const base = basename(folder) || 'media'
    let name = base
    for (let copy = 2; names.has(name.toLowerCase()); copy++) name = `${base} (${copy})`
    names.add(name.toLowerCase())
    found.push({ name, folder })
  }
  for (const candidate of options.kind.mediaFolders(options.database)) {
    const folder = await folderAt(candidate)
    if (folder !== undefined) add(folder)
  }
  for (const candidate of options.given) {
    const folder = await folderAt(candidate)
    if (folder === undefined) throw new CofferError('media_not_found', { path: candidate })
    add(folder)
  }
  return found
}

/**
 * Turns a path as the store names it (`Media/…`) into one inside the archive: as it is if a folder of that name goes
 * in; below a folder that contains one; or below the only folder there is, whatever its name.
 */
export async function mediaPrefix(kind: StoreKind, folders: readonly MediaFolder[]): Promise<(path: string) => string> {
  const root = kind.mediaRoot
  if (root === '' || folders.some(({ name }) => name === root)) return (path) => path
  for (const { name, folder } of folders) {
    if ((await folderAt(join(folder, root))) !== undefined) return (path) => `${name}/${path}`
  }
  const [only, ...others] = folders
  if (!only || others.length > 0) return (path) => path
  return (path) => (path.startsWith(`${root}/`) ? only.name + path.slice(root.length) : path)
}

async function folderAt(path: string): Promise<string | undefined> {
  const real = await realpath(path).catch(() => undefined)
  return real !== undefined && (await stat(real)).isDirectory() ? real : undefined
}
