/**
 * Sealing what is new among the media files: listed, compared by size and time, read in pieces, and each content
 * stored once however many files have it.
 */
import { type BigIntStats, lstatSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Warning } from '../../../../contract/errors.ts'
import type { MediaFolder } from '../../stores/store.ts'
import { throwIfCancelled } from '../../jobs/progress.ts'
import type { ArchiveContext } from '../context.ts'
import type { Placed } from '../format/blob.ts'
import { fileDigest } from '../format/hashes.ts'
import { hashBytes, maxBlobPlain } from '../format/limits.ts'
import { pieceRowBytes } from '../local/file-cache.ts'
import type { LocalState } from '../local/state.ts'
import type { PackId } from '../format/names.ts'
import { alone } from '../workers.ts'
import type { PackLanding } from './pack-landing.ts'
import type { PieceRequest, PieceResult } from './seal-messages.ts'
import type { SealWorker } from './seal-pool.ts'
import { type ListedFile, walkMedia } from './walk-media.ts'

/** Requests under way per worker. */
const ahead = 2
/** Files in one request. */
const filesAtOnce = 128
/** New files that are listed before the first of them is sealed; some megabytes. */
const listedAhead = 10_000
/** How often a file that changes while it is read is tried. */
const tries = 3

/** A file whose pieces are being read. */
interface OpenFile extends ListedFile {
  rows: Buffer
  missing: number
  attempt: number
  failed: boolean
}
interface Ask {
  file: OpenFile
  piece: number
  request: PieceRequest
}

export interface SealedFiles {
  new: number
  unchanged: number
  /** Files that could not be read as they were listed. */
  missing: number
}

export interface FileSealerOptions {
  /** Folders that are no media, wherever they lie (walk-media.ts). */
  leaveOut: readonly string[]
  context: ArchiveContext
  state: LocalState
  landing: PackLanding
  /** The workers that write, asked anew for every request: more of them once there is much to do. */
  writers: () => readonly SealWorker[]
  /** Waits until everything handed to the workers is sealed. */
  settle: () => Promise<void>
  /** Told of bytes about to be read. */
  expect: (bytes: number) => void
  onBytes: (bytes: number, item: string) => void
  onWarning: (warning: Warning) => void
}

export class FileSealer {
  private readonly it: FileSealerOptions
  private readonly busy = new Map<SealWorker, number>()
  private readonly running = new Set<Promise<void>>()
  private failure: { error: unknown } | undefined
  /** Contents being sealed right now, with everyone who waits for their place. */
  private readonly sealing = new Map<string, { file: OpenFile; piece: number }[]>()
  private batch: Ask[] = []
  private batchBytes = 0
  private again: OpenFile[] = []
  private readonly result: SealedFiles = { new: 0, unchanged: 0, missing: 0 }

  constructor(options: FileSealerOptions) {
    this.it = options
  }

  /** Seals all that is new below the folders; the pending list then holds every change. */
  async seal(folders: readonly MediaFolder[], signal: AbortSignal): Promise<SealedFiles> {
    const { state, leaveOut, onWarning } = this.it
    state.files.begin()
    let seen = 0
    const onHidden = (path: Buffer) => void (this.result.unchanged += state.files.keep(path))
    const walk = walkMedia(folders, { leaveOut, onWarning, onHidden })
    const compare = async (file: ListedFile) => {
      if (++seen % 256 === 0) {
        await nextTurn()
        throwIfCancelled(signal)
      }
      if (state.files.see(file.path, file.size, file.modified) !== 'unchanged') return true
      this.result.unchanged++
      return false
    }
    // Listing runs ahead of sealing, so that it is soon known how much there is to do.
    const found: ListedFile[] = []
    for (const file of walk) {
      if (!(await compare(file))) continue
      this.it.expect(Number(file.size))
      found.push(file)
      if (found.length < listedAhead) continue
      for (const each of found.splice(0)) await this.begin(each, 1)
    }
    for (const file of found) await this.begin(file, 1)
    await this.drain()
    while (this.again.length > 0) await this.retry()
    state.files.flush()
    state.files.removeUnseen()
    return this.result
  }

  /** A piece was sealed: every file that waits for it learns its place. */
  sealed(pack: PackId, placed: Placed, hash: Buffer): void {
    const blob = this.it.landing.piece(pack, placed, hash)
    const key = hash.toString('latin1')
    const waiting = this.sealing.get(key) ?? []
    this.sealing.delete(key)
    for (const { file, piece } of waiting) this.setPiece(file, piece, blob, hash)
  }

  private async begin(listed: ListedFile, attempt: number): Promise<void> {
    const pieces = Math.ceil(Number(listed.size) / maxBlobPlain)
    const file: OpenFile = {
      ...listed,
      rows: Buffer.alloc(pieces * pieceRowBytes),
      missing: pieces,
      attempt,
      failed: false,
    }
    if (pieces === 0) return this.finish(file)
    for (let piece = 0; piece < pieces; piece++) {
      const offset = piece * maxBlobPlain
      const length = Math.min(maxBlobPlain, Number(file.size) - offset)
      if (this.batchBytes + length > maxBlobPlain || this.batch.length >= filesAtOnce) await this.submit()
      this.batch.push({
        file,
        piece,
        request: { path: alone(file.full), offset, length, size: file.size, modified: file.modified },
      })
      this.batchBytes += length
    }
  }

  /** Hands the gathered requests to the least busy writer; waits while all have enough to do. */
  private async submit(): Promise<void> {
    const asks = this.batch
    this.batch = []
    this.batchBytes = 0
    if (asks.length === 0) return
    for (;;) {
      const worker = this.it.writers().reduce((a, b) => ((this.busy.get(b) ?? 0) < (this.busy.get(a) ?? 0) ? b : a))
      if ((this.busy.get(worker) ?? 0) < ahead) {
        const work = this.serve(worker, asks).finally(() => this.running.delete(work))
        this.running.add(work)
        // Kept, since nobody may be waiting for it just now: its files would be missing and no one told.
        work.catch((error: unknown) => (this.failure ??= { error }))
        return
      }
      await Promise.race(this.running)
    }
  }

  private async drain(): Promise<void> {
    await this.submit()
    while (this.running.size > 0) await Promise.all(this.running)
    if (this.failure) throw this.failure.error
    await this.it.settle()
  }

  private async serve(worker: SealWorker, asks: Ask[]): Promise<void> {
    this.busy.set(worker, (this.busy.get(worker) ?? 0) + 1)
    try {
      const { slot, results } = await worker.hashPieces(asks.map(({ request }) => request))
      const keep: number[] = []
      asks.forEach(({ file, piece }, i) => {
        const { hash, ...fault } = results[i] ?? {}
        if (!hash) return this.fail(file, fault)
        const bytes = Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength)
        const known = this.it.landing.findPiece(bytes)
        if (known !== undefined) return this.setPiece(file, piece, known, bytes)
        const key = bytes.toString('latin1')
        const others = this.sealing.get(key)
        if (others) return void others.push({ file, piece })
        this.sealing.set(key, [{ file, piece }])
        keep.push(i)
      })
      worker.send({ op: 'keep', slot, indices: keep })
      const last = asks.at(-1)
      this.it.onBytes(
        asks.reduce((sum, ask) => sum + ask.request.length, 0),
        last?.file.path.toString() ?? '',
      )
    } finally {
      this.busy.set(worker, (this.busy.get(worker) ?? 1) - 1)
    }
  }

  private setPiece(file: OpenFile, piece: number, blob: number, hash: Buffer): void {
    file.rows.writeUInt32LE(blob, piece * pieceRowBytes)
    hash.copy(file.rows, piece * pieceRowBytes + 4)
    if (--file.missing === 0 && !file.failed) this.finish(file)
  }

  private finish(file: OpenFile): void {
    const hashes = Buffer.concat(
      Array.from({ length: file.rows.length / pieceRowBytes }, (_, i) =>
        file.rows.subarray(i * pieceRowBytes + 4, i * pieceRowBytes + 4 + hashBytes),
      ),
    )
    const size = Number(file.size)
    this.it.state.files.set({
      path: file.path,
      size,
      modified: file.modified,
      digest: fileDigest(this.it.context.keys, size, hashes),
      pieces: file.rows,
    })
    this.result.new++
  }

  private fail(file: OpenFile, { fault = 'file_unreadable', reason }: PieceResult): void {
    if (file.failed) return
    file.failed = true
    if (fault === 'file_changed' && file.attempt < tries) return void this.again.push(file)
    this.giveUp(file, fault, reason)
  }

  private giveUp(file: OpenFile, fault: NonNullable<PieceResult['fault']>, reason?: string): void {
    this.result.missing++
    // An earlier copy stays in the list, unless its own bytes were lost.
    this.it.state.files.removeIfLost(file.path)
    this.it.onWarning({ code: fault, detail: { path: file.path.toString(), ...(reason && { reason }) } })
  }

  private async retry(): Promise<void> {
    const files = this.again
    this.again = []
    for (const file of files) {
      const stat = statusOf(file.full)
      if (typeof stat === 'string') this.giveUp(file, 'file_unreadable', stat)
      else if (!stat) this.giveUp(file, 'file_vanished')
      else if (!stat.isFile()) this.giveUp(file, 'file_changed')
      else await this.begin({ ...file, size: stat.size, modified: stat.mtimeNs }, file.attempt + 1)
    }
    await this.drain()
  }
}

/** A file's status, undefined where there is none, or why it cannot be told. */
function statusOf(full: Buffer): BigIntStats | undefined | string {
  try {
    return lstatSync(full, { bigint: true, throwIfNoEntry: false })
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  }
}
