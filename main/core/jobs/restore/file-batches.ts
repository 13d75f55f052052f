/** The files of a backup in batches: enough at a time to fetch each pack in long stretches, few enough to hold. */
import type { FileEntry } from '../../archive/format/file-list.ts'
import type { Place } from '../../archive/format/places.ts'
import type { LocalPath } from './local-path.ts'

/** Files, or pieces, of one batch. Each file has a descriptor open from its first piece to its last. */
const batchFiles = 512
const batchPieces = 4096

/** A file on its way to the disk. */
export interface RestoringFile {
  entry: FileEntry
  /** Its path in the archive, for people. */
  path: string
  /** Where it is put together. */
  file: LocalPath
  names: Buffer[]
  /** Pieces yet to come. */
  left: number
  /** Bytes of pieces that cannot be had. */
  lost: number
}

/** One piece of a file. */
export interface RestoringPiece {
  file: RestoringFile
  index: number
  place: Place
}

export interface Batch {
  files: RestoringFile[]
  pieces: RestoringPiece[]
}

/** Gathers files; a file of very many pieces is a batch of its own. */
export async function* batches(files: AsyncIterable<RestoringFile>): AsyncGenerator<Batch, void, undefined> {
  let batch: Batch = { files: [], pieces: [] }
  for await (const file of files) {
    const { pieces } = file.entry
    if (batch.files.length >= batchFiles || batch.pieces.length + pieces.length > batchPieces) {
      if (batch.files.length > 0) yield batch
      batch = { files: [], pieces: [] }
    }
    batch.files.push(file)
    pieces.forEach(({ place }, index) => batch.pieces.push({ file, index, place }))
  }
  if (batch.files.length > 0) yield batch
}
