/** Bringing back media: each piece is fetched once for all files that hold it, checked, and written to its place. */
import { closeSync, ftruncateSync, futimesSync, mkdirSync, openSync } from 'node:fs'
import { CofferError } from '../../../../contract/errors.ts'
import { blobKind } from '../../archive/blob.ts'
import { maxBlobPlain } from '../../archive/limits.ts'
import type { Manifest } from '../../archive/manifest.ts'
import type { Place } from '../../archive/places.ts'
import { Flow } from '../../archive/read/flow.ts'
import { localFailure } from '../../archive/read/local-failure.ts'
import { openStretch, type Stretch } from '../../archive/read/open-stretch.ts'
import type { PieceWrite, SealedBlob } from '../../archive/read/open-task.ts'
import { sameBlob, toRanges } from '../../archive/read/ranges.ts'
import { resolveFiles } from '../../archive/resolve-files.ts'
import { type Batch, batches, type RestoringFile, type RestoringPiece } from './file-batches.ts'
import { below, type LocalPath, shown } from './local-path.ts'
import type { NamePlan } from './name-plan.ts'
import type { RestoreRun } from './run.ts'
import type { Selection } from './selection.ts'
import { planFile } from './survey-files.ts'

/** Files whose writing is done may wait for the disk, this many at most: each has a descriptor open. */
const mostUnsynced = 256

/** A file of which `lost` bytes could not be had; without `names` it was not even begun. */
export type DamagedFile = Pick<RestoringFile, 'path' | 'names' | 'lost' | 'entry'>

export interface WriteFilesOptions {
  layers: Manifest['files']['layers']
  wanted: Selection
  /** The same plan that the survey made, begun anew. */
  names: NamePlan
  /** The folder to write below. */
  root: string
  /** Told of files of which not all could be had; only when salvaging. */
  onDamaged: (file: DamagedFile) => void
}

export interface WrittenFiles {
  /** Files that are complete. */
  files: number
  /** The folders made, each before those in it. */
  folders: LocalPath[]
}

/** Writes all wanted files below `root`, with their times, fsync included. */
export async function writeFiles(run: RestoreRun, options: WriteFilesOptions): Promise<WrittenFiles> {
  const written: WrittenFiles = { files: 0, folders: [] }
  const flow = new Flow()
  try {
    for await (const batch of batches(toRestore(run, options, written.folders))) {
      for (const file of batch.files) if (file.left === 0) flow.start(() => finish(run, file, options, written))
      for (const { pieces, length, stretch } of planPieces(batch)) {
        const buffer = await run.pool.buffer(length)
        run.check()
        flow.check()
        for (const { file } of pieces) begin(file)
        flow.start(async () => {
          const fault = await openStretch(run.session.destination, run.pool, buffer, stretch())
          if (fault && !run.salvage) throw fault.error
          if (fault) run.fault(fault.error)
          const lost = new Set(fault?.blobs.map(({ blob }) => blob))
          await Promise.all(pieces.map((piece) => landed(run, piece, lost.has(piece.blob), options, written)))
        })
      }
      await run.unsyncedBelow(mostUnsynced)
    }
    await flow.drain()
    return written
  } finally {
    await flow.settle()
  }
}

async function* toRestore(
  run: RestoreRun,
  options: WriteFilesOptions,
  folders: LocalPath[],
): AsyncGenerator<RestoringFile, void, undefined> {
  const onFault = run.salvage ? run.fault : undefined
  let made: Buffer[] = []
  for await (const entry of resolveFiles(run.session, options.layers, onFault)) {
    const path = shown(entry.path)
    if (!options.wanted(path)) continue
    const planned = planFile(run.session, options.names, entry, onFault)
    if (!planned) {
      options.onDamaged({ path, names: [], lost: entry.size, entry })
      continue
    }
    const { names } = planned
    // What lies in one folder comes together, so a folder once left never comes back.
    const parents = names.slice(0, -1)
    const known = parents.findIndex((name, i) => !made[i]?.equals(name))
    for (let depth = known < 0 ? parents.length : known; depth < parents.length; depth++) {
      const folder = below(options.root, parents.slice(0, depth + 1))
      fresh(path, () => mkdirSync(folder, { mode: 0o700 }))
      folders.push(folder)
    }
    made = parents
    yield { entry, path, names, file: below(options.root, names), fd: undefined, left: entry.pieces.length, lost: 0 }
  }
}

interface PlannedPieces {
  /** Each with the number of its blob in the stretch. */
  pieces: (RestoringPiece & { blob: number })[]
  /** Bytes to fetch. */
  length: number
  /** Called once the files are open. */
  stretch: () => Stretch
}

function* planPieces({ pieces }: Batch): Generator<PlannedPieces, void, undefined> {
  for (const range of toRanges(pieces.map(({ place }) => place))) {
    const blobs: SealedBlob[] = []
    const taken: PlannedPieces['pieces'] = []
    let before: Place | undefined
    for (const item of range.items) {
      const piece = pieces[item]
      if (!piece) continue
      const { ordinal, offset, length, compressed } = piece.place
      if (!before || !sameBlob(before, piece.place))
        blobs.push({ kind: blobKind.piece, ordinal, offset, length, compressed })
      before = piece.place
      taken.push({ ...piece, blob: blobs.length - 1 })
    }
    yield {
      pieces: taken,
      length: range.length,
      stretch: () => ({ range, blobs, work: { do: 'pieces', writes: writesOf(blobs.length, taken) } }),
    }
  }
}

function writesOf(blobs: number, pieces: PlannedPieces['pieces']): PieceWrite[][] {
  const writes: PieceWrite[][] = Array.from({ length: blobs }, () => [])
  for (const { file, index, blob } of pieces) {
    const hash = file.entry.pieces[index]?.hash
    if (file.fd === undefined || !hash) throw new Error('a piece without its file')
    // A copy of the hash alone: a view would take the whole table it lies in to the worker.
    writes[blob]?.push({
      fd: file.fd,
      position: index * maxBlobPlain,
      size: pieceSize(file, index),
      hash: Uint8Array.from(hash),
    })
  }
  return writes
}

function pieceSize({ entry }: RestoringFile, index: number): number {
  return Math.min(maxBlobPlain, entry.size - index * maxBlobPlain)
}

/** Opens a file when its first piece is on its way. */
function begin(file: RestoringFile): number {
  return (file.fd ??= fresh(file.path, () => openSync(file.file, 'wx', 0o600)))
}

async function landed(
  run: RestoreRun,
  { file, index }: RestoringPiece,
  isLost: boolean,
  options: WriteFilesOptions,
  written: WrittenFiles,
): Promise<void> {
  const size = pieceSize(file, index)
  if (isLost) file.lost += size
  else run.wrote(size, file.path)
  if (--file.left === 0) await finish(run, file, options, written)
}

/** All its pieces are written or lost: gives a file its time, brings it to the disk and closes it. */
async function finish(
  run: RestoreRun,
  file: RestoringFile,
  options: WriteFilesOptions,
  written: WrittenFiles,
): Promise<void> {
  const fd = begin(file)
  const { path, names, lost, entry } = file
  try {
    fresh(path, () => {
      // What could not be had at its end is zeros like any other hole.
      if (lost > 0) ftruncateSync(fd, entry.size)
      futimesSync(fd, ...times(entry.modified))
    })
    await run.sync(fd, path)
  } finally {
    closeSync(fd)
  }
  if (lost === 0) written.files++
  else options.onDamaged({ path, names, lost, entry })
}

/** Access and modification time as Node takes them: seconds, as exact as a double holds them (a quarter microsecond today). */
function times(nanoseconds: bigint): [number | Date, number | Date] {
  // Before 1970 Node takes no number, only a date, which has milliseconds.
  const time = nanoseconds < 0n ? new Date(Number(nanoseconds / 1_000_000n)) : Number(nanoseconds) / 1e9
  return [time, time]
}

/** Makes something new. In our own folder nothing can be in the way but what this archive put there. */
function fresh<T>(path: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
    if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'EISDIR')
      throw new CofferError('map_damaged', { path, reason: 'two of this name' }, { cause: error })
    throw localFailure(error, path)
  }
}
