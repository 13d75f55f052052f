/**
 * The tables of packs and blobs with which layers and roots say where things are (docs/FORMAT.md, "Place tables").
 * A place in an entry is then one number: the blob's row.
 */
import type { ByteReader, ByteWriter } from './bytes.ts'
import { Malformed } from './bytes.ts'
import type { Placed } from './blob.ts'
import { maxBlobSealed, maxPack, sealOverhead } from './limits.ts'
import { idBytes, type PackId, packIdFrom } from './names.ts'

/** A pack as tables name it. `size` 0 means: the pack in which this table itself lies. */
export interface PackRef {
  id: PackId
  size: number
}

/** A blob anywhere in the archive. */
export interface Place extends Placed {
  pack: PackRef
}

/** Collects the places a table needs, each pack and blob once. */
export class PlaceTable {
  private readonly packs = new Map<PackId, { row: number; size: number }>()
  private readonly rows = new Map<string, number>()
  private readonly blobs: { pack: number; placed: Placed }[] = []

  /** The row of a blob, added when it is new. */
  row(place: Place): number {
    const key = `${place.pack.id}${place.ordinal}`
    const known = this.rows.get(key)
    if (known !== undefined) return known
    let pack = this.packs.get(place.pack.id)
    if (!pack) this.packs.set(place.pack.id, (pack = { row: this.packs.size, size: place.pack.size }))
    const row = this.blobs.length
    this.rows.set(key, row)
    this.blobs.push({ pack: pack.row, placed: place })
    return row
  }

  /** Bytes that `write` will add. */
  get length(): number {
    return 8 + this.packs.size * 20 + this.blobs.length * 17
  }

  write(into: ByteWriter): void {
    into.u32(this.packs.size)
    for (const [id, { size }] of this.packs) into.raw(idBytes(id)).u32(size)
    into.u32(this.blobs.length)
    for (const { pack, placed } of this.blobs)
      into
        .u32(pack)
        .u32(placed.ordinal)
        .u32(placed.offset)
        .u32(placed.length)
        .u8(placed.compressed ? 1 : 0)
  }
}

/** Reads the two tables; `self` stands for size 0. Throws Malformed. */
export function readPlaces(reader: ByteReader, self: PackRef): Place[] {
  const packs: PackRef[] = []
  for (let i = 0, count = reader.count(20); i < count; i++) {
    const id = packIdFrom(reader.take(16))
    const size = reader.u32()
    if (size > maxPack) throw new Malformed('a pack is too large')
    if (size === 0 && id !== self.id) throw new Malformed('a pack without a size')
    packs.push(size === 0 ? self : { id, size })
  }
  const places: Place[] = []
  for (let i = 0, count = reader.count(17); i < count; i++) {
    const pack = packs[reader.u32()]
    const [ordinal, offset, length, flag] = [reader.u32(), reader.u32(), reader.u32(), reader.u8()]
    if (!pack || flag > 1 || offset + length > pack.size) throw new Malformed('a blob lies outside its pack')
    if (length < sealOverhead || length > maxBlobSealed) throw new Malformed('a blob has an impossible length')
    places.push({ pack, ordinal, offset, length, compressed: flag === 1 })
  }
  return places
}
