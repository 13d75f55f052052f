/** Reading a stretch of a media file that another program may be changing, replacing or deleting. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import type { PieceRequest, PieceResult } from './seal-messages.ts'

/**
 * Fills `into` with the stretch. Returns undefined when it is certain to be the file that was listed: same size and
 * time before and after reading. Otherwise says what happened; the caller reports it and goes on.
 */
export function readPiece(piece: PieceRequest, into: Buffer): PieceResult | undefined {
  let fd: number
  try {
    // O_NOFOLLOW: a file that became a link since it was listed is not the file any more. Absent on Windows.
    fd = openSync(
      Buffer.from(piece.path),
      constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
    )
  } catch (error) {
    return failure(error)
  }
  try {
    if (!isAsListed(fd, piece)) return { fault: 'file_changed' }
    for (let done = 0; done < into.length;) {
      const n = readSync(fd, into, done, into.length - done, piece.offset + done)
      if (n === 0) return { fault: 'file_changed' }
      done += n
    }
    return isAsListed(fd, piece) ? undefined : { fault: 'file_changed' }
  } catch (error) {
    return failure(error)
  } finally {
    closeSync(fd)
  }
}

function isAsListed(fd: number, piece: PieceRequest): boolean {
  const now = fstatSync(fd, { bigint: true })
  return now.isFile() && now.size === piece.size && now.mtimeNs === piece.modified
}

function failure(error: unknown): PieceResult {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
  if (code === 'ENOENT' || code === 'ENOTDIR') return { fault: 'file_vanished' }
  if (code === 'ELOOP') return { fault: 'file_changed' }
  return { fault: 'file_unreadable', reason: code }
}
