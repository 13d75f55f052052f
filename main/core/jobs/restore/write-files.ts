/** Bringing back media: each piece is fetched once for all files that hold it, checked, and written to its place. */
import { mkdirSync } from 'node:fs'
import { blobKind } from '../../archive/format/blob.ts'
import { maxBlobPlain } from '../../archive/format/limits.ts'
import type { Manifest } from '../../archive/format/manifest.ts'
import type { Place } from '../../archive/format/places.ts'
import { Flow } from '../../archive/read/flow.ts'
import { openStretch } from '../../archive/read/open-stretch.ts'
import type { PieceWork, SealedBlob } from '../../archive/read/open-task.ts'
import { type Range, sameBlob, toRanges } from '../../archive/read/ranges.ts'
import { resolveFiles } from '../../archive/read/resolve-files.ts'
import { type Batch, batches, type RestoringFile, type RestoringPiece } from './file-batches.ts'
import { below, type LocalPath, shown } from './local-path.ts'
import { fresh, freshFailure, OpenFiles } from './open-files.ts'
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

interface Writing {
  run: RestoreRun
  options: WriteFilesOptions
  open: OpenFiles
  written: WrittenFiles
}

/** Writes all wanted files below `root`, with their times, fsync included. */
export async function writeFiles(run: RestoreRun, options: WriteFilesOptions): Promise<WrittenFiles> {
  const written: WrittenFiles = { files: 0, folders: [] }
  const it: Writing = { run, options, open: new OpenFiles(), written }
  const flow = new Flow()
  try {
    for await (const batch of batches(toRestore(run, options, written.folders))) {
      for (const file of batch.files) if (file.left === 0) flow.start(() => finish(it, file))
      for (const { range, blobs, pieces } of planPieces(batch)) {
        const buffer = await run.pool.buffer(range.length)
        run.check()
        flow.check()
        const { files, work } = workOf(it.open, blobs.length, pieces)
        const fileOf = (number: number) => files[number] ?? unknownFile()
        flow.start(async () => {
          const fault = await openStretch(run.session.destination, run.pool, buffer, {
            range,
            blobs,
            work,
            onMade: (number, fd) => it.open.adopt(fileOf(number), fd),
            onRefused: (refusal) => freshFailure(refusal, fileOf(refusal.file ?? -1).path),
          })
          if (fault && !run.salvage) throw fault.error
          if (fault) run.fault(fault.error)
          const lost = new Set(fault?.blobs.map(({ blob }) => blob))
          await Promise.all(pieces.map((piece) => landed(it, piece, lost.has(piece.blob))))
        })
      }
      await run.unsyncedBelow(mostUnsynced)
    }
    await flow.drain()
    return written
  } finally {
    await flow.settle()
    it.open.closeAll()
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
    yield { entry, path, names, file: below(options.root, names), left: entry.pieces.length, lost: 0 }
  }
}

interface PlannedPieces {
  range: Range
  blobs: SealedBlob[]
  /** Each with the number of its blob. */
  pieces: (RestoringPiece & { blob: number })[]
}

function* planPieces({ pieces }: Batch): Generator<PlannedPieces, void, undefined> {
  for (const range of toRanges(pieces.map(({ place }) => place))) {
    const planned: PlannedPieces = { range, blobs: [], pieces: [] }
    let before: Place | undefined
    for (const item of range.items) {
      const piece = pieces[item]
      if (!piece) continue
      const { ordinal, offset, length, compressed } = piece.place
      if (!before || !sameBlob(before, piece.place))
        planned.blobs.push({ kind: blobKind.piece, ordinal, offset, length, compressed })
      before = piece.place
      planned.pieces.push({ ...piece, blob: planned.blobs.length - 1 })
    }
    yield planned
  }
}

/** What a worker has to do for some pieces, and the files its numbers stand for. */
function workOf(
  open: OpenFiles,
  blobs: number,
  pieces: PlannedPieces['pieces'],
): { files: RestoringFile[]; work: PieceWork } {
  const held = new Map<RestoringFile, { number: number; pieces: number }>()
  const writes: PieceWork['writes'] = Array.from({ length: blobs }, () => [])
  for (const { file, index, blob } of pieces) {
    const hash = file.entry.pieces[index]?.hash
    if (!hash) throw new Error('a piece that its file does not have')
    let of = held.get(file)
    if (!of) held.set(file, (of = { number: held.size, pieces: 0 }))
    of.pieces++
    // A copy of the hash alone: a view would take the whole table it lies in to the worker.
    writes[blob]?.push({
      file: of.number,
      position: index * maxBlobPlain,
      size: pieceSize(file, index),
      hash: Uint8Array.from(hash),
    })
  }
  const files = Array.from(held, ([file, of]) => open.target(file, { alone: of.pieces === file.entry.pieces.length }))
  return { files: [...held.keys()], work: { do: 'pieces', files, writes } }
}

function unknownFile(): never {
  throw new Error('a file that was not asked for')
}

function pieceSize({ entry }: RestoringFile, index: number): number {
  return Math.min(maxBlobPlain, entry.size - index * maxBlobPlain)
}

async function landed(it: Writing, { file, index }: RestoringPiece, isLost: boolean): Promise<void> {
  const size = pieceSize(file, index)
  if (isLost) file.lost += size
  else it.run.wrote(size, file.path)
  if (--file.left === 0) await finish(it, file)
}

async function finish({ run, open, options, written }: Writing, file: RestoringFile): Promise<void> {
  await open.finish(file, (fd, path) => run.sync(fd, path))
  const { path, names, lost, entry } = file
  if (lost === 0) written.files++
  else options.onDamaged({ path, names, lost, entry })
}
