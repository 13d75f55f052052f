/**
 * What a seal worker does: read, hash, compare, and seal what is new into a pack of its own.
 *
 * Requests are served in order. The bytes of a hashed chunk stay in their slot until the planning thread has looked
 * the hashes up and says which to keep, so nothing is read twice and nothing known is sealed.
 */
import type { MessagePort } from 'node:worker_threads'
import { type PageSource, openPageSource } from '../../stores/page-source.ts'
import { blobKind } from '../format/blob.ts'
import { hashPage, hashPiece } from '../format/hashes.ts'
import { hashBytes, maxBlobPlain, pageHashBytes, runPlain } from '../format/limits.ts'
import { rowBytes } from '../local/page-cache.ts'
import type { PackId } from '../format/names.ts'
import { PackBuilder } from '../format/pack.ts'
import { alone } from '../workers.ts'
import { readPiece } from './read-piece.ts'
import type { FromWorker, PieceRequest, PieceResult, SealWorkerData, ToWorker } from './seal-messages.ts'

/** A hashed chunk of pages; both run from `first` on. */
interface PagesSlot {
  bytes: Buffer
  first: number
  /** 16 bytes a page. */
  hashes: Buffer
}
interface PiecesSlot {
  bytes: Buffer
  /** Start and end of each piece in `bytes`. */
  bounds: number[]
  /** The hash of each; empty where a piece could not be read. */
  hashes: Buffer[]
}

export class SealTask {
  private readonly data: SealWorkerData
  private readonly post: (message: FromWorker) => void
  private readonly slots = new Map<number, PagesSlot | PiecesSlot>()
  private readonly free: Buffer[] = []
  private source: PageSource | undefined
  private run: { pages: number[]; hashes: Buffer; bytes: Buffer } | undefined
  private pack: PackBuilder<SharedArrayBuffer> | undefined
  private readonly ids: PackId[] = []
  private readonly buffers: SharedArrayBuffer[] = []
  private waiting: (() => void) | undefined
  private asked = false
  private queue: Promise<void> = Promise.resolve()

  constructor(data: SealWorkerData, port: Pick<MessagePort, 'postMessage'>) {
    // Views made once: hashing asks for them a hundred thousand times.
    this.data = {
      archive: data.archive,
      blobs: view(data.blobs),
      pageHash: view(data.pageHash),
      pieceHash: view(data.pieceHash),
    }
    this.post = (message) => port.postMessage(message)
  }

  receive(message: ToWorker): void {
    if (message.op === 'supply') {
      // Not queued: the request at the front of the queue may be waiting for just this.
      if (message.id) this.ids.push(message.id)
      if (message.buffer) {
        this.buffers.push(message.buffer)
        this.asked = false
      }
      this.waiting?.()
      return
    }
    this.queue = this.queue
      .then(() => this.serve(message))
      .catch((error: unknown) =>
        this.post({ op: 'failed', reason: error instanceof Error ? error.message : 'unknown' }),
      )
  }

  private async serve(message: Exclude<ToWorker, { op: 'supply' }>): Promise<void> {
    switch (message.op) {
      case 'source':
        this.source = openPageSource(message.source)
        return
      case 'hashPages':
        return this.hashPages(message.slot, message.first, message.count, message.prior)
      case 'hashPieces':
        return this.hashPieces(message.slot, message.pieces)
      case 'keep':
        return this.keep(message.slot, message.indices)
      case 'take':
        return this.take(message.pages, message.hashes)
      case 'endRun':
        await this.endRun()
        return this.post({ op: 'ended', ticket: message.ticket })
      case 'endPack':
        if (this.pack) this.endPack(this.pack)
        return this.post({ op: 'ended', ticket: message.ticket })
    }
  }

  private hashPages(slot: number, first: number, count: number, prior: Uint8Array | undefined): void {
    const source = this.mustHaveSource()
    const { pageSize } = source
    const bytes = this.free.pop() ?? Buffer.allocUnsafeSlow(maxBlobPlain)
    source.read(first, count, bytes)
    const all = Buffer.allocUnsafe(count * pageHashBytes)
    const before = prior && Buffer.from(prior.buffer, prior.byteOffset, prior.byteLength)
    const changed: number[] = []
    for (let i = 0; i < count; i++) {
      const hash = all.subarray(i * pageHashBytes, (i + 1) * pageHashBytes)
      hashPage(this.data, bytes.subarray(i * pageSize, (i + 1) * pageSize), hash)
      if (
        !before ||
        (i + 1) * rowBytes > before.length ||
        hash.compare(before, i * rowBytes, i * rowBytes + pageHashBytes) !== 0
      )
        changed.push(i)
    }
    if (changed.length === 0) this.free.push(bytes)
    else this.slots.set(slot, { bytes, first, hashes: all })
    const found =
      changed.length === count
        ? all
        : Buffer.concat(changed.map((i) => all.subarray(i * pageHashBytes, (i + 1) * pageHashBytes)))
    this.post({ op: 'pagesHashed', slot, changed, hashes: alone(found) })
  }

  private hashPieces(slot: number, pieces: PieceRequest[]): void {
    const bytes = this.free.pop() ?? Buffer.allocUnsafeSlow(maxBlobPlain)
    const bounds = [0]
    const hashes: Buffer[] = []
    const results: PieceResult[] = []
    for (const piece of pieces) {
      const start = bounds.at(-1) ?? 0
      const plain = bytes.subarray(start, start + piece.length)
      const fault = readPiece(piece, plain)
      const hash = Buffer.allocUnsafe(fault ? 0 : hashBytes)
      if (!fault) hashPiece(this.data, plain, hash)
      results.push(fault ?? { hash: alone(hash) })
      hashes.push(hash)
      bounds.push(start + piece.length)
    }
    this.slots.set(slot, { bytes, bounds, hashes })
    this.post({ op: 'piecesHashed', slot, results })
  }

  private async keep(number: number, indices: number[]): Promise<void> {
    const slot = this.slots.get(number)
    if (!slot) throw new Error('a slot that is not there')
    if ('first' in slot) await this.keepPages(slot, indices)
    else
      for (const i of indices) {
        const hash = slot.hashes[i]
        if (!hash) throw new Error('a slot without its hash')
        await this.addPiece(slot.bytes.subarray(slot.bounds[i], slot.bounds[i + 1]), hash)
      }
    this.slots.delete(number)
    this.free.push(slot.bytes)
  }

  private async keepPages({ bytes, first, hashes }: PagesSlot, indices: number[]): Promise<void> {
    const { pageSize } = this.mustHaveSource()
    const perRun = Math.max(1, runPlain / pageSize)
    for (let at = 0; at < indices.length;) {
      const index = indices[at] ?? 0
      // Neighbours enough for a whole run are sealed from where they lie.
      const whole = !this.run?.pages.length && indices[at + perRun - 1] === index + perRun - 1
      const count = whole ? perRun : 1
      const plain = bytes.subarray(index * pageSize, (index + count) * pageSize)
      const theirs = hashes.subarray(index * pageHashBytes, (index + count) * pageHashBytes)
      if (whole)
        await this.sealRun(
          Array.from({ length: count }, (_, i) => first + index + i),
          plain,
          theirs,
        )
      else {
        // Most pages only join the run that is begun: awaiting each would cost more than copying it.
        const sealing = this.addPage(first + index, plain, theirs)
        if (sealing) await sealing
      }
      at += count
    }
  }

  private async take(pages: number[], hashes: Uint8Array): Promise<void> {
    const source = this.mustHaveSource()
    const page = Buffer.allocUnsafe(source.pageSize)
    const found = Buffer.allocUnsafe(pageHashBytes)
    for (const [i, number] of pages.entries()) {
      const hash = Buffer.from(hashes.subarray(i * pageHashBytes, (i + 1) * pageHashBytes))
      source.read(number, 1, page)
      hashPage(this.data, page, found)
      // The snapshot promised to hold still. If it did not, no blob may carry a hash that is not its content's.
      if (!found.equals(hash)) throw new Error('a page changed under its snapshot')
      await this.addPage(number, page, hash)
    }
  }

  /** Returns a promise only when the run is full and must be sealed. */
  private addPage(number: number, plain: Buffer, hash: Buffer): Promise<void> | undefined {
    this.run ??= {
      pages: [],
      hashes: Buffer.allocUnsafeSlow((runPlain / 512) * pageHashBytes),
      bytes: Buffer.allocUnsafeSlow(runPlain),
    }
    const { run } = this
    plain.copy(run.bytes, run.pages.length * plain.length)
    hash.copy(run.hashes, run.pages.length * pageHashBytes)
    run.pages.push(number)
    return (run.pages.length + 1) * plain.length > runPlain ? this.endRun() : undefined
  }

  private async endRun(): Promise<void> {
    const { run } = this
    if (!run || run.pages.length === 0) return
    const { pages } = run
    run.pages = []
    const size = this.mustHaveSource().pageSize
    await this.sealRun(
      pages,
      run.bytes.subarray(0, pages.length * size),
      run.hashes.subarray(0, pages.length * pageHashBytes),
    )
  }

  private async sealRun(pages: number[], plain: Buffer, hashes: Buffer): Promise<void> {
    const pack = await this.openPack()
    const placed = pack.add(blobKind.pages, plain, hashes)
    this.post({ op: 'run', pack: pack.id, placed, pages, hashes: alone(hashes) })
    if (pack.full) this.endPack(pack)
  }

  private async addPiece(plain: Buffer, hash: Buffer): Promise<void> {
    const pack = await this.openPack()
    const placed = pack.add(blobKind.piece, plain, hash)
    this.post({ op: 'piece', pack: pack.id, placed, hash: alone(hash) })
    if (pack.full) this.endPack(pack)
  }

  private async openPack(): Promise<PackBuilder<SharedArrayBuffer>> {
    if (this.pack) return this.pack
    for (;;) {
      const id = this.ids[0]
      const buffer = this.buffers[0]
      if (id && buffer) {
        this.ids.shift()
        this.buffers.shift()
        return (this.pack = new PackBuilder(this.data.archive, id, this.data.blobs, buffer))
      }
      // Asked for once: a second buffer given to one worker may be the one another waits for, for ever.
      if (!buffer && !this.asked) {
        this.asked = true
        this.post({ op: 'wantBuffer' })
      }
      await new Promise<void>((resolve) => (this.waiting = resolve))
    }
  }

  private endPack(pack: PackBuilder<SharedArrayBuffer>): void {
    const { length, buffer } = pack.finish()
    this.pack = undefined
    this.post({ op: 'packed', id: pack.id, buffer, length })
  }

  private mustHaveSource(): PageSource {
    if (!this.source) throw new Error('no database was named')
    return this.source
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
