/** What the thread that plans a backup and the workers that seal it say to each other. */
import type { PageSourceSpec } from '../../stores/page-source.ts'
import type { Placed } from '../format/blob.ts'
import type { ArchiveId, PackId } from '../format/names.ts'

/** workerData of a seal worker: only the subkeys it needs. */
export interface SealWorkerData {
  archive: ArchiveId
  blobs: Uint8Array
  pageHash: Uint8Array
  pieceHash: Uint8Array
}

/** A piece to read: a stretch of a file that must still be the file that was listed. */
export interface PieceRequest {
  /** Raw bytes of the path on this computer. */
  path: Uint8Array
  offset: number
  length: number
  size: bigint
  modified: bigint
}

export type ToWorker =
  /** The database whose pages are meant from here on. */
  | { op: 'source'; source: PageSourceSpec }
  /** Read, hash and compare a chunk of pages with `prior` (rows of 22 bytes, may be shorter or absent). */
  | { op: 'hashPages'; slot: number; first: number; count: number; prior: Uint8Array | undefined }
  | { op: 'hashPieces'; slot: number; pieces: PieceRequest[] }
  /** Seal these of the slot's pages or pieces (by their index in it), then let the slot go. */
  | { op: 'keep'; slot: number; indices: number[] }
  /** Read these pages again and seal them: another worker hashed them. */
  | { op: 'take'; pages: number[]; hashes: Uint8Array }
  /** An id for a pack to come, or a buffer to fill. */
  | { op: 'supply'; id?: PackId; buffer?: SharedArrayBuffer }
  /** Seal the run of pages begun. */
  | { op: 'endRun'; ticket: number }
  /** Finish the pack begun. */
  | { op: 'endPack'; ticket: number }

export interface PieceResult {
  hash?: Uint8Array
  fault?: 'file_vanished' | 'file_changed' | 'file_unreadable'
  reason?: string
}

export type FromWorker =
  /** Which pages of the chunk differ from `prior`, with their hashes one after the other. */
  | { op: 'pagesHashed'; slot: number; changed: number[]; hashes: Uint8Array }
  | { op: 'piecesHashed'; slot: number; results: PieceResult[] }
  /** A run of pages was sealed as one blob. */
  | { op: 'run'; pack: PackId; placed: Placed; pages: number[]; hashes: Uint8Array }
  | { op: 'piece'; pack: PackId; placed: Placed; hash: Uint8Array }
  /** A pack is complete: `length` bytes of the buffer, which is the planning thread's again. */
  | { op: 'packed'; id: PackId; buffer: SharedArrayBuffer; length: number }
  /** There is something to seal and no buffer for it. */
  | { op: 'wantBuffer' }
  | { op: 'ended'; ticket: number }
  /** A page could not be read or is no longer what it was: the snapshot did not hold still. */
  | { op: 'failed'; reason: string }
