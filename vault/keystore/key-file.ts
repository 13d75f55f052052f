/** The software keystore's key file on the disk: read with care, made once, replaced whole. */
import { link, open, realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isChangeLocked, withChangeLock } from './change-lock.ts'
import { found, isSystemError, moveOver, overwrite, removeIfThere, syncFolder, writeNew } from './durable-file.ts'
import { type KeyFile, readKeyFile, writeKeyFile } from './key-file-format.ts'
import { KeystoreUnavailable, KeystoreWrong } from './keystore.ts'
import { lockedBytes, wipe } from './secret-bytes.ts'

/** Far more epochs than anybody needs. */
const maxFile = 64 * 1024

/** A key file as it was read, and what tells whether it is still the same. */
export interface ReadFile {
  content: KeyFile
  version: string
}

/**
 * Reads the key file; its keys are the caller's to wipe. KeystoreWrong if there is none, if anybody else on this
 * machine may read it, or if it is not whole; KeystoreUnavailable if the system does not let us read it.
 */
export async function loadKeyFile(path: string): Promise<ReadFile> {
  return said(path, async () => {
    const file = await open(path, 'r')
    const room = lockedBytes(maxFile)
    try {
      const { mode, uid, size, ino, mtimeNs } = await file.stat({ bigint: true })
      refuseOthers(path, Number(mode), Number(uid))
      if (size > maxFile) throw new KeystoreWrong(`${path} is not a vault's key file: it is far too long.`)
      const { bytesRead } = await file.read(room, 0, maxFile, 0)
      return { content: readKeyFile(room.subarray(0, bytesRead), path), version: `${ino}/${mtimeNs}/${size}` }
    } finally {
      wipe(room)
      await file.close()
    }
  })
}

/** What `loadKeyFile` would give as version now. */
export async function keyFileVersion(path: string): Promise<string> {
  return said(path, async () => {
    const file = await open(path, 'r')
    try {
      const { size, ino, mtimeNs } = await file.stat({ bigint: true })
      return `${ino}/${mtimeNs}/${size}`
    } finally {
      await file.close()
    }
  })
}

/** Makes a new key file, durable when this resolves. KeystoreWrong if there is a file of that name. */
export async function createKeyFile(path: string, content: KeyFile): Promise<void> {
  const bytes = writeKeyFile(content)
  try {
    await said(path, () =>
      withChangeLock(path, async () => {
        if (await found(path)) throw new KeystoreWrong(`There is a file ${path} already.`)
        await clearLeftovers(path)
        await writeNew(`${path}.new`, bytes)
        // Unlike a rename, a link is refused where there is a file already.
        await link(`${path}.new`, path).catch((error: unknown) => {
          throw isSystemError(error, 'EEXIST') ? new KeystoreWrong(`There is a file ${path} already.`) : error
        })
        await syncFolder(dirname(path))
        await clearLeftovers(path)
      }),
    )
  } finally {
    wipe(bytes)
  }
}

/**
 * Replaces the key file by what `edit` makes of it, durably; a crash at any moment leaves the old one or the new one.
 * The old content is then overwritten where it lay (as far as that goes: see `overwrite`). A killed process may leave
 * that undone, which is why the old file keeps a second name until it is done: the next change or opening does it.
 */
export async function changeKeyFile(given: string, edit: (content: KeyFile) => KeyFile | undefined): Promise<void> {
  await said(given, async () => {
    // Where the name is a link, the file it leads to is replaced, not the link.
    const path = await realpath(given)
    await withChangeLock(path, async () => {
      await clearLeftovers(path)
      const { content } = await loadKeyFile(path)
      try {
        const changed = edit(content)
        if (changed) await replace(path, changed)
      } finally {
        wipeKeyFile(content)
      }
    })
  })
}

async function replace(path: string, content: KeyFile): Promise<void> {
  const bytes = writeKeyFile(content)
  try {
    await link(path, `${path}.old`)
    await writeNew(`${path}.new`, bytes)
    await moveOver(`${path}.new`, path)
    await discard(`${path}.old`, path)
  } finally {
    wipe(bytes)
  }
}

/** Finishes what a killed process began, unless another process is at it. */
export async function tidyKeyFile(given: string): Promise<void> {
  await said(given, async () => {
    const path = await realpath(given)
    if ((await isChangeLocked(path)) || (await found(`${path}.old`)) || (await found(`${path}.new`)))
      await withChangeLock(path, () => clearLeftovers(path)).catch((error: unknown) => {
        if (!(error instanceof KeystoreUnavailable)) throw error
      })
  })
}

async function clearLeftovers(path: string): Promise<void> {
  await discard(`${path}.old`, path)
  await discard(`${path}.new`, path)
}

/** Overwrites and removes a leftover; a second name of the key file itself is only removed. */
async function discard(leftover: string, path: string): Promise<void> {
  const it = await found(leftover)
  if (!it) return
  // Before anything is compared: had only the name in memory moved on, a power cut after the overwriting would bring
  // the old name back, leading to zeros.
  await syncFolder(dirname(path))
  const current = await found(path)
  if (current?.ino !== it.ino || current.dev !== it.dev) {
    const file = await open(leftover, 'r+')
    try {
      await overwrite(file)
    } finally {
      await file.close()
    }
  }
  await removeIfThere(leftover)
}

export function wipeKeyFile({ identity, anchorKey, seals }: KeyFile): void {
  for (const bytes of [identity, anchorKey, ...seals.values()]) wipe(bytes)
}

function refuseOthers(path: string, mode: number, owner: number): void {
  const self = process.getuid?.()
  // Windows has no such modes: there the folder's own permissions must do.
  if (self === undefined) return
  if ((mode & 0o077) !== 0)
    throw new KeystoreWrong(`Others on this machine may read the key file ${path}. Run: chmod 600 ${path}`)
  if (owner !== self && owner !== 0)
    throw new KeystoreWrong(`The key file ${path} belongs to another user, who may read it.`)
}

/** What the operating system refused, in the keystore's words. */
async function said<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) throw new KeystoreWrong(`There is no key file ${path}, or no folder for one.`)
    if (isSystemError(error)) throw new KeystoreUnavailable(`The key file ${path} cannot be used (${error.code}).`)
    throw error
  }
}
