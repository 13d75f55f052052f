/**
 * What an open worker does with a stretch of a pack: decrypt each blob, decompress it, check the hash of every page
 * or piece, and write those that are right straight to their place in a file.
 */
import { openSync, writeSync } from 'node:fs'
import { BlobLabel, type BlobKind, blobKind, giveBack, openBlobInPlace, type Placed } from '../format/blob.ts'
import { Malformed } from '../format/bytes.ts'
import { hashPage, hashPiece } from '../format/hashes.ts'
import { hashBytes, pageHashBytes } from '../format/limits.ts'
import type { ArchiveId, PackId } from '../format/names.ts'

/** What a worker is started with: the subkeys it needs and no others. */
export interface OpenWorkerData {
  archive: ArchiveId
  blobs: Uint8Array
  pageHash: Uint8Array
  pieceHash: Uint8Array
}

export interface SealedBlob extends Placed {
  kind: BlobKind
}

/** Pages to write. The rows of blob i are `ends[i - 1]` up to `ends[i]`, sorted by page. */
export interface PageWork {
  do: 'pages'
  fd: number
  pageSize: number
  ends: Uint32Array
  /** Which page of its blob. */
  indexes: Uint16Array
  /** Which page of the database. */
  pages: Uint32Array
  /** 16 bytes a row. */
  hashes: Uint8Array
}

/** A piece to write to one file, and what that file expects it to be. */
export interface PieceWrite {
  /** Which of the work's files. */
  file: number
  position: number
  size: number
  hash: Uint8Array
}
/** A file to write to: open already, or to be made, by the worker, when its first piece is right. */
export type TargetFile = { fd: number } | { make: Uint8Array | string }

/** For each blob the files that hold its piece. */
export interface PieceWork {
  do: 'pieces'
  files: TargetFile[]
  writes: PieceWrite[][]
}

/** Only look: what the pack's index tells of blob i are the hashes from `ends[i - 1]` up to `ends[i]`, in bytes. */
export interface CheckWork {
  do: 'check'
  ends: Uint32Array
  hashes: Uint8Array
}

export type OpenWork = PageWork | PieceWork | CheckWork

export interface OpenTask {
  id: number
  /** Shared: the worker's alone until its result is there. */
  bytes: Uint8Array<SharedArrayBuffer>
  pack: PackId
  /** Where in the pack `bytes` begin. */
  start: number
  blobs: SealedBlob[]
  work: OpenWork
}

/** A blob that is not what it should be; `rows` of its pages or pieces were not written. */
export interface BlobFault {
  blob: number
  reason: string
  rows: number
}

export interface OpenResult {
  id: number
  faults: BlobFault[]
  /** Descriptors of the files that were made, by their number; they are open and now the other side's. */
  made?: { file: number; fd: number }[]
  /** What the file system said when it would not take the bytes, and of which of the work's files. */
  refused?: Refusal
}

export interface Refusal {
  code: string
  message: string
  file?: number
}

/** Does a task. Whatever the bytes are, faults come back as values. */
export function runOpenTask(task: OpenTask, keys: OpenWorkerData): Omit<OpenResult, 'id'> {
  const label = new BlobLabel(keys.archive, task.pack)
  const faults: BlobFault[] = []
  const open = task.work.do === 'pieces' ? new FilesOfTask(task.work.files) : undefined
  const made = open && { made: open.made }
  for (const [i, blob] of task.blobs.entries()) {
    const sealed = Buffer.from(task.bytes.buffer, task.bytes.byteOffset + blob.offset - task.start, blob.length)
    try {
      const plain = openBlobInPlace(
        sealed,
        label.of(blob.kind, blob.ordinal, blob.compressed),
        blob.compressed,
        keys.blobs,
      )
      const fault = use(plain, i, blob.kind, task.work, keys, open)
      if (fault) faults.push({ blob: i, ...fault })
      if (plain.buffer !== task.bytes.buffer) giveBack(plain)
    } catch (error) {
      if (error instanceof Malformed) faults.push({ blob: i, reason: error.message, rows: rowsOf(task.work, i) })
      else if (isRefusal(error))
        return { faults, ...made, refused: { code: error.code, message: error.message, ...open?.last } }
      else throw error
    }
  }
  return { faults, ...made }
}

/** The files that a task writes to. */
class FilesOfTask {
  readonly made: { file: number; fd: number }[] = []
  /** The one that was written to last. */
  last: { file: number } | undefined
  readonly #files: TargetFile[]
  constructor(files: TargetFile[]) {
    this.#files = files.slice()
  }

  descriptor(file: number): number {
    this.last = { file }
    const target = this.#files[file]
    if (!target) throw new Error('a file that the task does not have')
    if ('fd' in target) return target.fd
    // Bytes of a message are a plain array of them; paths that are bytes must be a Buffer.
    const path = typeof target.make === 'string' ? target.make : Buffer.from(target.make)
    const fd = openSync(path, 'wx', 0o600)
    this.#files[file] = { fd }
    this.made.push({ file, fd })
    return fd
  }
}

type Fault = Omit<BlobFault, 'blob'> | undefined

function use(
  plain: Buffer,
  i: number,
  kind: BlobKind,
  work: OpenWork,
  keys: OpenWorkerData,
  open?: FilesOfTask,
): Fault {
  switch (work.do) {
    case 'pages':
      return writePages(plain, i, work, keys)
    case 'pieces':
      return writePiece(plain, work.writes[i] ?? [], keys, open)
    case 'check':
      return check(plain, kind, work.hashes.subarray(startOf(work.ends, i), work.ends[i]), keys)
  }
}

const pageHash = Buffer.alloc(pageHashBytes)
const pieceHash = Buffer.alloc(hashBytes)

function writePages(plain: Buffer, i: number, work: PageWork, keys: OpenWorkerData): Fault {
  const { pageSize, indexes, pages, hashes, fd } = work
  const end = work.ends[i] ?? 0
  let wrong = 0
  let row = startOf(work.ends, i)
  while (row < end) {
    // Pages that follow each other both here and there are written with one call.
    const first = row
    const index = indexes[first] ?? 0
    const page = pages[first] ?? 0
    while (row < end && indexes[row] === index + (row - first) && pages[row] === page + (row - first)) {
      if (!isPage(plain, (index + row - first) * pageSize, pageSize, hashes, row, keys)) break
      row++
    }
    if (row > first) writeAll(fd, plain.subarray(index * pageSize, (index + row - first) * pageSize), page * pageSize)
    else {
      wrong++
      row++
    }
  }
  return wrong > 0 ? { reason: 'a page is not the one the map names', rows: wrong } : undefined
}

function isPage(
  plain: Buffer,
  at: number,
  pageSize: number,
  hashes: Uint8Array,
  row: number,
  keys: OpenWorkerData,
): boolean {
  if (at + pageSize > plain.length) return false
  hashPage(keys, plain.subarray(at, at + pageSize), pageHash)
  return pageHash.equals(hashes.subarray(row * pageHashBytes, (row + 1) * pageHashBytes))
}

function writePiece(plain: Buffer, writes: PieceWrite[], keys: OpenWorkerData, open: FilesOfTask | undefined): Fault {
  hashPiece(keys, plain, pieceHash)
  // All expect the same content of one blob, or someone forged a list: then none gets it.
  if (writes.some(({ size, hash }) => plain.length !== size || !pieceHash.equals(hash)))
    return { reason: 'a piece is not the one the list names', rows: writes.length }
  for (const { file, position } of writes) if (open) writeAll(open.descriptor(file), plain, position)
  return undefined
}

function check(plain: Buffer, kind: BlobKind, hashes: Uint8Array, keys: OpenWorkerData): Fault {
  if (kind === blobKind.padding && !isZeros(plain)) return { reason: 'padding that is not zeros', rows: 0 }
  if (kind === blobKind.piece) {
    hashPiece(keys, plain, pieceHash)
    return pieceHash.equals(hashes) ? undefined : { reason: 'a piece is not the one the index names', rows: 1 }
  }
  if (kind !== blobKind.pages)
    return hashes.length === 0 ? undefined : { reason: 'the index tells hashes of a table', rows: 0 }
  // The index does not tell the page size; it is what the blob's pages share.
  const count = hashes.length / pageHashBytes
  const pageSize = plain.length / count
  if (!Number.isInteger(pageSize) || pageSize < 1) return { reason: 'pages that do not fill their blob', rows: count }
  let wrong = 0
  for (let row = 0; row < count; row++) if (!isPage(plain, row * pageSize, pageSize, hashes, row, keys)) wrong++
  return wrong > 0 ? { reason: 'a page is not the one the index names', rows: wrong } : undefined
}

/** How many pages or pieces a task takes from its blob number `i`. */
export function rowsOf(work: OpenWork, i: number): number {
  if (work.do === 'pages') return (work.ends[i] ?? 0) - startOf(work.ends, i)
  return work.do === 'pieces' ? (work.writes[i]?.length ?? 0) : 0
}

/** Each byte is the one before it, and the first is zero: two comparisons of memory. */
function isZeros(bytes: Buffer): boolean {
  return bytes.length === 0 || (bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, -1)))
}

/** Where the rows of blob `i` begin: where those before it end. */
function startOf(ends: Uint32Array, i: number): number {
  return i === 0 ? 0 : (ends[i - 1] ?? 0)
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, position + done)
}

function isRefusal(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'
}
