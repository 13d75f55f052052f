/** Listing media folders: raw names, no links followed, a million files without holding them. */
import { type BigIntStats, lstatSync, opendirSync } from 'node:fs'
import { sep } from 'node:path'
import type { ErrorCode, Warning } from '../../../../contract/errors.ts'
import type { MediaFolder } from '../../stores/store.ts'
import { maxBlobPlain, maxPath, maxPieces } from '../format/limits.ts'

/** A regular file as it was listed. */
export interface ListedFile {
  /** Its path in the archive: raw bytes, `/`-separated, the media folder's own name first. */
  path: Buffer
  /** Its path on this computer. */
  full: Buffer
  size: bigint
  /** Nanoseconds since 1970. */
  modified: bigint
}

const slash = Buffer.from('/')
const separator = Buffer.from(sep)

export interface WalkOptions {
  /** Folders to pass over, absolute, without links: the archive itself and what Coffer keeps on this computer. */
  leaveOut: readonly string[]
  onWarning: (warning: Warning) => void
  /** Told of a file or folder that is there and could not be looked at: what was known of it may still be so. */
  onHidden: (path: Buffer) => void
}

/**
 * Yields every regular file below the folders. Links and devices are skipped and reported, as is what cannot be looked
 * at; a file that vanishes between being listed and being looked at counts as never seen.
 */
export function* walkMedia(
  folders: readonly MediaFolder[],
  { leaveOut, onWarning, onHidden }: WalkOptions,
): Generator<ListedFile, void, undefined> {
  const left = new Set(leaveOut.map((folder) => Buffer.from(folder).toString('latin1')))
  for (const { name, folder } of folders) {
    const waiting = [{ path: Buffer.from(name), full: Buffer.from(folder) }]
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { path, full } = next
      if (left.has(full.toString('latin1'))) continue
      const report = (code: ErrorCode, at: Buffer, reason?: string) =>
        onWarning({ code, detail: { path: at.toString(), ...(reason && { reason }) } })
      const hidden = (at: Buffer, error: unknown) => {
        report('file_unreadable', at, reasonOf(error))
        onHidden(at)
      }
      try {
        for (const { own, isFolder } of entries(full)) {
          const below = { path: Buffer.concat([path, slash, own]), full: Buffer.concat([full, separator, own]) }
          if (isFolder) waiting.push(below)
          else yield* look(below, report, hidden)
        }
      } catch (error) {
        const reason = reasonOf(error)
        if (reason === undefined) throw error
        // A folder inside a folder may be deleted at any time; one that was named is rather a disk that was taken away.
        if (reason === 'ENOENT' && path.includes(slash)) report('file_vanished', path)
        else hidden(path, error)
      }
    }
  }
}

function* look(
  { path, full }: { path: Buffer; full: Buffer },
  report: (code: ErrorCode, at: Buffer, reason?: string) => void,
  hidden: (at: Buffer, error: unknown) => void,
): Generator<ListedFile, void, undefined> {
  let stat: BigIntStats | undefined
  try {
    stat = lstatSync(full, { bigint: true, throwIfNoEntry: false })
  } catch (error) {
    return hidden(path, error)
  }
  if (!stat) return
  if (stat.isSymbolicLink()) return report('link_skipped', path)
  if (!stat.isFile()) return report('file_unreadable', path, 'not a regular file')
  if (stat.size > BigInt(maxPieces) * BigInt(maxBlobPlain)) return report('file_too_large', path)
  if (path.length > maxPath) return report('file_unreadable', path, 'its path is too long')
  yield { path, full, size: stat.size, modified: stat.mtimeNs }
}

/** What a folder holds. Throws the file system's own errors, also in the middle. */
function* entries(full: Buffer): Generator<{ own: Buffer; isFolder: boolean }, void, undefined> {
  // The types know only string paths and names; Node takes and gives buffers with this encoding.
  const dir = opendirSync(full, { encoding: 'buffer' as BufferEncoding, bufferSize: 512 })
  try {
    for (let entry = dir.readSync(); entry; entry = dir.readSync()) {
      // Opened with encoding 'buffer', names are bytes, whatever the type says.
      yield { own: entry.name as unknown as Buffer, isFolder: entry.isDirectory() }
    }
  } finally {
    dir.closeSync()
  }
}

/** The system's name for what went wrong; undefined for a mistake of ours. */
function reasonOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : undefined
}
