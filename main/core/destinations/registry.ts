/**
 * From what a person writes (`/Volumes/Disk/Messages`, `s3://…`) to a destination. A new kind of destination is one
 * file and one line here.
 */
import { mkdir, opendir, rmdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CofferError } from '../../../contract/errors.ts'
import type { Destination } from './destination.ts'
import { errnoOf, folderFailure } from './folder-failure.ts'
import { folderDestination } from './folder.ts'

/** Kinds that have a name already and will be one file each. */
const laterKinds = /^(webdav|webdav\+https?|s3|gdrive):/i

/**
 * The destination that `where` names; relative paths start at `standing` (absolute). Touches nothing yet.
 * Throws usage for an address no kind of destination understands.
 */
export function openDestination(where: string, standing: string): Destination {
  return folderDestination(folderPath(where, standing))
}

/**
 * The same, for making an archive there: the folder is created if need be and must hold nothing of value.
 * `undo` removes the folder again if it was made here and is still empty.
 * Throws usage, archive_exists, not_empty and the destination's errors.
 */
export async function createDestination(
  where: string,
  standing: string,
): Promise<{ destination: Destination; undo: () => Promise<void> }> {
  const path = folderPath(where, standing)
  try {
    const made = await mkdir(path, { recursive: true }).catch((error: unknown) => {
      if (errnoOf(error) === 'EEXIST') throw new CofferError('not_empty', { path, found: 'a file' }, { cause: error })
      throw error
    })
    await requireEmpty(path)
    const undo = async (): Promise<void> => {
      if (made !== undefined) await rmdir(path).catch(() => undefined)
    }
    return { destination: folderDestination(path), undo }
  } catch (error) {
    throw folderFailure(error, '')
  }
}

function folderPath(where: string, standing: string): string {
  if (where === '') throw new CofferError('usage', { argument: 'ARCHIVE', reason: 'empty' })
  if (laterKinds.test(where)) {
    throw new CofferError('usage', {
      argument: 'ARCHIVE',
      reason: 'This Coffer keeps archives in folders only; WebDAV, S3 and Google Drive are not supported yet.',
    })
  }
  if (/^file:/i.test(where)) {
    try {
      return fileURLToPath(where)
    } catch {
      throw new CofferError('usage', { argument: 'ARCHIVE', reason: 'This file address cannot be understood.' })
    }
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(where)) {
    throw new CofferError('usage', { argument: 'ARCHIVE', reason: 'Give the path of a folder.' })
  }
  return resolve(standing, where)
}

/** What systems leave in every folder or at the top of every disk. */
export const systemLeftovers = new Set([
  'desktop.ini',
  'Thumbs.db',
  'lost+found',
  'System Volume Information',
  '$RECYCLE.BIN',
])

async function requireEmpty(path: string): Promise<void> {
  let other: string | undefined
  for await (const { name } of await opendir(path)) {
    if (name === 'coffer.json') throw new CofferError('archive_exists', { path })
    if (!name.startsWith('.') && !systemLeftovers.has(name)) other ??= name
  }
  if (other !== undefined) throw new CofferError('not_empty', { path, found: other })
}
