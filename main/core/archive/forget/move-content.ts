/**
 * Moving pages and pieces that are alive out of packs that go. Live pages are gathered into new runs; each blob is
 * opened and sealed anew, since what it is sealed to includes the pack it lies in. What already lies in a pack that
 * stays is not written a second time: so an interrupted forget is finished, not repeated.
 */
import { CofferError } from '../../../../contract/errors.ts'
import { BlobLabel, blobKind, giveBack, openBlobInPlace } from '../format/blob.ts'
import type { ArchiveContext } from '../context.ts'
import { hashPage, hashPiece } from '../format/hashes.ts'
import { hashBytes, maxPack, pageHashBytes, runPlain } from '../format/limits.ts'
import type { LocalState } from '../local/state.ts'
import { packName } from '../format/names.ts'
import { PackBuilder, packCapacity } from '../format/pack.ts'
import type { PackRef, Place } from '../format/places.ts'
import { intact, readBlob } from '../read/read-blob.ts'
import type { PackLanding } from '../write/pack-landing.ts'
import type { ReplacedPack } from './choose-packs.ts'
import { hasBit } from './hidden-pages.ts'
import type { LiveBlob, LiveTable } from './live-table.ts'
import type { Moves } from './moves.ts'

interface Run {
  pageSize: number
  bytes: Buffer
  pages: { blob: number; page: number; hash: Buffer }[]
}

export class ContentMover {
  private readonly context: ArchiveContext
  private readonly state: LocalState
  private readonly landing: PackLanding
  private readonly live: LiveTable
  private readonly moves: Moves
  private readonly stays: (pack: PackRef) => boolean
  private readonly buffer = new ArrayBuffer(packCapacity)
  private incoming: Uint8Array | undefined
  private builder: PackBuilder | undefined
  private run: Run | undefined
  private asked: { blob: number; place: Place | undefined } | undefined

  /** `stays` tells of a pack whether it is there and will be. */
  constructor(
    context: ArchiveContext,
    state: LocalState,
    landing: PackLanding,
    live: LiveTable,
    moves: Moves,
    stays: (pack: PackRef) => boolean,
  ) {
    this.context = context
    this.state = state
    this.landing = landing
    this.live = live
    this.moves = moves
    this.stays = stays
  }

  /** Moves what is alive in a pack. Errors: pack_altered and its like, when a blob in it is damaged. */
  async move(pack: ReplacedPack): Promise<void> {
    const blobs = this.live.blobsOf(pack).filter(({ kind }) => kind === blobKind.pages || kind === blobKind.piece)
    if (blobs.length === 0) return
    const open = await this.opener(pack, blobs)
    for (const blob of blobs) {
      const { plain, lent } = await open(blob)
      if (blob.kind === blobKind.pages) await this.movePages(blob, plain)
      else await this.movePiece(blob, plain)
      // Sealed anew or known elsewhere: either way nobody needs these bytes any more.
      if (!lent) giveBack(plain)
    }
  }

  /** Uploads what is begun. */
  async finish(): Promise<void> {
    await this.endRun()
    await this.endPack()
  }

  /** Where most of a pack is needed it is fetched in one piece; `lent` bytes are a part of that. */
  private async opener(
    pack: ReplacedPack,
    blobs: readonly LiveBlob[],
  ): Promise<(blob: LiveBlob) => Promise<{ plain: Buffer; lent: boolean }>> {
    const { context } = this
    const needed = blobs.reduce((sum, { place }) => sum + place.length, 0)
    if (needed * 4 < pack.size)
      return async ({ place, kind }) => ({ plain: await readBlob(context, place, kind), lent: false })
    const object = packName(pack.id)
    // One buffer for all packs: only what a pack fills of it becomes resident.
    const got = await context.destination.get(
      object,
      { offset: 0, length: pack.size },
      (this.incoming ??= new Uint8Array(maxPack)),
    )
    if (!got) throw new CofferError('pack_missing', { object })
    if (got.byteLength !== pack.size) throw new CofferError('pack_truncated', { object })
    const bytes = Buffer.from(got.buffer, got.byteOffset, got.byteLength)
    const label = new BlobLabel(context.archive, pack.id)
    return async ({ place: { offset, length, ordinal, compressed }, kind }) => {
      const sealed = bytes.subarray(offset, offset + length)
      const aad = label.of(kind, ordinal, compressed)
      const plain = intact(object, () => openBlobInPlace(sealed, aad, compressed, context.keys.blobs))
      return { plain, lent: plain.buffer === bytes.buffer }
    }
  }

  private async movePages(blob: LiveBlob, plain: Buffer): Promise<void> {
    const { pageSize, pages = Buffer.alloc(0) } = blob
    for (let page = 0; page < pages.length * 8; page++) {
      if (!hasBit(pages, page)) continue
      const content = plain.subarray(page * pageSize, (page + 1) * pageSize)
      if (content.length < pageSize)
        throw new CofferError('map_damaged', {
          object: packName(blob.place.pack.id),
          reason: 'a page that its run does not have',
        })
      const hash = Buffer.allocUnsafe(pageHashBytes)
      hashPage(this.context.keys, content, hash)
      const known = this.state.index.page(hash)
      const place = known && this.placeThatStays(known.blob)
      if (known && place) this.moves.add([{ blob: blob.id, page, index: known.index }], place, known.blob)
      else await this.addPage(pageSize, content, { blob: blob.id, page, hash })
    }
  }

  private async movePiece(blob: LiveBlob, plain: Buffer): Promise<void> {
    const hash = Buffer.allocUnsafe(hashBytes)
    hashPiece(this.context.keys, plain, hash)
    const known = this.state.index.piece(hash)
    const place = known !== undefined && this.placeThatStays(known)
    if (known !== undefined && place) return this.moves.add([{ blob: blob.id, page: 0, index: 0 }], place, known)
    const builder = this.openPack()
    const placed = builder.add(blobKind.piece, plain, hash)
    this.moves.add(
      [{ blob: blob.id, page: 0, index: 0 }],
      { ...placed, pack: { id: builder.id, size: 0 } },
      this.landing.piece(builder.id, placed, hash),
    )
    if (builder.full) await this.endPack()
  }

  /** The place of a blob that need not be moved; the last answer is kept, since neighbours lie in the same blob. */
  private placeThatStays(blob: number): Place | undefined {
    if (this.asked?.blob !== blob) {
      const place = this.state.index.placeOf(blob)
      this.asked = { blob, place: place && this.stays(place.pack) ? place : undefined }
    }
    return this.asked.place
  }

  private async addPage(pageSize: number, content: Buffer, page: Run['pages'][number]): Promise<void> {
    if (this.run && (this.run.pageSize !== pageSize || (this.run.pages.length + 1) * pageSize > runPlain))
      await this.endRun()
    this.run ??= { pageSize, bytes: Buffer.allocUnsafeSlow(Math.max(runPlain, pageSize)), pages: [] }
    content.copy(this.run.bytes, this.run.pages.length * pageSize)
    this.run.pages.push(page)
  }

  private async endRun(): Promise<void> {
    const { run } = this
    if (!run) return
    this.run = undefined
    const hashes = Buffer.concat(run.pages.map(({ hash }) => hash))
    const builder = this.openPack()
    const placed = builder.add(blobKind.pages, run.bytes.subarray(0, run.pages.length * run.pageSize), hashes)
    const known = this.landing.pages(builder.id, placed, hashes)
    this.moves.add(
      run.pages.map(({ blob, page }, index) => ({ blob, page, index })),
      { ...placed, pack: { id: builder.id, size: 0 } },
      known,
    )
    if (builder.full) await this.endPack()
  }

  private openPack(): PackBuilder {
    return (this.builder ??= new PackBuilder(
      this.context.archive,
      this.landing.nextPack(),
      this.context.keys.blobs,
      this.buffer,
    ))
  }

  private async endPack(): Promise<void> {
    const { builder } = this
    if (!builder) return
    this.builder = undefined
    const { buffer, length } = builder.finish()
    await this.landing.land(builder.id, Buffer.from(buffer, 0, length))
    this.moves.landed(builder.id, length)
  }
}
