/**
 * What happens between sealing and knowing: blobs sealed by workers are gathered per pack, and after a pack has landed
 * its journal entry and all it holds enter the index in one transaction.
 *
 * Several packs may enter together: hashes are random, so each transaction touches the whole index, and its cost is
 * that of the index rather than of what is added. A crash before loses nothing: the ids were journalled before the
 * packs left, and the next run reads from their own indexes what they hold.
 */
import type { ArchiveContext } from '../context.ts'
import type { Placed } from '../format/blob.ts'
import { pagesOfBlobs } from '../local/hash-index.ts'
import type { LocalState } from '../local/state.ts'
import { pageHashBytes } from '../format/limits.ts'
import { newPackId, type PackId, packName } from '../format/names.ts'

interface Filling {
  blobs: { id: number; placed: Placed }[]
  pages: number
  /** Runs of pages, each with the hashes of what it holds. */
  runs: { blob: number; hashes: Buffer }[]
  pieces: { hash: Buffer; blob: number }[]
}

/** Hashes that are gathered before they enter the index in a long backup; some megabytes. */
export const hashesAtOnce = 16_384

export class PackLanding {
  private readonly context: ArchiveContext
  private readonly state: LocalState
  private readonly together: number
  /** Packs that landed and are not in the index yet. */
  private arrived: { id: PackId; size: number; filling: Filling | undefined }[] = []
  private waiting = 0
  private readonly filling = new Map<PackId, Filling>()
  /** Pieces that are sealed but not in the index yet. */
  private readonly onTheWay = new Map<string, number>()
  /** Ids taken by this run of which no byte has left yet. */
  private readonly unused = new Set<PackId>()
  /** Packs that landed, with their sizes. */
  readonly landed = new Map<PackId, number>()
  /** Bytes uploaded. */
  uploaded = 0

  /** `together`: how many hashes are gathered before they enter the index; 0 for every pack at once. */
  constructor(context: ArchiveContext, state: LocalState, { together }: { together: number } = { together: 0 }) {
    this.context = context
    this.state = state
    this.together = together
  }

  /** Journals an id before any byte of its pack leaves this computer. */
  nextPack(): PackId {
    const id = newPackId()
    this.state.journal.reserve(id)
    this.unused.add(id)
    return id
  }

  /** A blob of pages was sealed; returns its row. */
  pages(pack: PackId, placed: Placed, hashes: Buffer): number {
    const filling = this.of(pack)
    const blob = this.blob(filling, placed)
    filling.runs.push({ blob, hashes })
    filling.pages += hashes.length / pageHashBytes
    return blob
  }

  /** A piece was sealed; returns its blob's row. */
  piece(pack: PackId, placed: Placed, hash: Buffer): number {
    const filling = this.of(pack)
    const blob = this.blob(filling, placed)
    filling.pieces.push({ hash, blob })
    this.onTheWay.set(hash.toString('latin1'), blob)
    return blob
  }

  /** The blob of a piece, landed or on its way. */
  findPiece(hash: Buffer): number | undefined {
    return this.onTheWay.get(hash.toString('latin1')) ?? this.state.index.piece(hash)
  }

  /** Uploads a pack, then makes all it holds known. `onTaken`: the bytes are needed no more. */
  async land(id: PackId, bytes: Buffer, onTaken?: () => void): Promise<void> {
    this.unused.delete(id)
    const size = bytes.length
    await this.context.destination.put(packName(id), bytes, onTaken)
    this.uploaded += size
    this.landed.set(id, size)
    const filling = this.filling.get(id)
    this.filling.delete(id)
    this.arrived.push({ id, size, filling })
    this.waiting += (filling?.pages ?? 0) + (filling?.pieces.length ?? 0)
    if (this.waiting >= this.together) this.flush()
  }

  /** Makes everything that has landed known: before anyone asks the journal or the index for it. */
  flush(): void {
    const { arrived } = this
    if (arrived.length === 0) return
    this.state.cache.write(() => {
      for (const { id, size, filling } of arrived) {
        const row = this.state.journal.landed(id, size)
        if (filling) this.state.index.addBlobs(row, filling.blobs)
      }
      this.state.index.addPages(pagesOfBlobs(arrived.flatMap(({ filling }) => filling?.runs ?? [])))
      this.state.index.addPieces(arrived.flatMap(({ filling }) => filling?.pieces ?? []))
    })
    this.arrived = []
    this.waiting = 0
    for (const { filling } of arrived)
      for (const { hash } of filling?.pieces ?? []) this.onTheWay.delete(hash.toString('latin1'))
  }

  /**
   * Ids that were taken but never used leave the journal. Those of earlier runs stay: half a pack may lie under one of
   * them, where a destination shows uploads before they are whole, and the journal is how the next forget knows it.
   */
  dropUnused(): void {
    this.state.cache.write(() => {
      for (const pack of this.unused) this.state.journal.drop(pack)
    })
    this.unused.clear()
  }

  private of(pack: PackId): Filling {
    let filling = this.filling.get(pack)
    if (!filling) this.filling.set(pack, (filling = { blobs: [], runs: [], pages: 0, pieces: [] }))
    return filling
  }

  private blob(filling: Filling, placed: Placed): number {
    const id = this.state.index.reserveBlob()
    filling.blobs.push({ id, placed })
    return id
  }
}
