/** Listing media folders: raw names, no links followed, a million files without holding them. */
import { lstatSync, opendirSync, type Dir } from 'node:fs'
import { sep } from 'node:path'
import type { ErrorCode, Warning } from '../../../../contract/errors.ts'
import type { MediaFolder } from '../../stores/store.ts'
import { maxBlobPlain, maxPath, maxPieces } from '../limits.ts'

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

/**
 * Yields every regular file below the folders. Links and devices are skipped and reported, as are folders that cannot
 * be read; a file that vanishes between being listed and being looked at counts as never seen.
 */
export function* walkMedia(folders: readonly MediaFolder[], onWarning: (warning: Warning) => void): Generator<ListedFile, void, undefined> {
  for (const { name, folder } of folders) {
    const waiting = [{ path: Buffer.from(name), full: Buffer.from(folder) }]
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { path, full } = next
      const report = (code: ErrorCode, at: Buffer, reason?: string) => onWarning({ code, detail: { path: at.toString(), ...(reason && { reason }) } })
      const dir = open(full, (reason) => report('file_unreadable', path, reason))
      if (!dir) continue
      try {
        for (let entry = dir.readSync(); entry; entry = dir.readSync()) {
          // Opened with encoding 'buffer', names are bytes, whatever the type says.
          const own = entry.name as unknown as Buffer
          const below = { path: Buffer.concat([path, slash, own]), full: Buffer.concat([full, separator, own]) }
          if (entry.isDirectory()) waiting.push(below)
          else yield* look(below, report)
        }
      } finally {
        dir.closeSync()
      }
    }
  }
}

function* look({ path, full }: { path: Buffer; full: Buffer }, report: (code: ErrorCode, at: Buffer, reason?: string) => void): Generator<ListedFile, void, undefined> {
  const stat = lstatSync(full, { bigint: true, throwIfNoEntry: false })
  if (!stat) return
  if (stat.isSymbolicLink()) return report('link_skipped', path)
  if (!stat.isFile()) return report('file_unreadable', path, 'not a regular file')
  if (stat.size > BigInt(maxPieces) * BigInt(maxBlobPlain)) return report('file_too_large', path)
  if (path.length > maxPath) return report('file_unreadable', path, 'its path is too long')
  yield { path, full, size: stat.size, modified: stat.mtimeNs }
}

function open(full: Buffer, onUnreadable: (reason: string) => void): Dir | undefined {
  try {
    // The types know only string paths and names; Node takes and gives buffers with this encoding.
    return opendirSync(full as unknown as string, { encoding: 'buffer' as BufferEncoding, bufferSize: 512 })
  } catch (error) {
    onUnreadable(error instanceof Error && 'code' in error ? String(error.code) : 'unknown')
    return undefined
  }
}
