/**
 * The root of a layer: which blobs hold its entries, in order (docs/FORMAT.md, "Layers"). A manifest names one root
 * per layer, so it stays small however large the store is.
 */
import { ByteReader, ByteWriter, Malformed } from './bytes.ts'
import { blobKind } from './blob.ts'
import { hashBytes, maxLayerEntries, maxPath } from './limits.ts'
import { type PackRef, type Place, PlaceTable, readPlaces } from './places.ts'

/** What a layer's blobs hold. */
export type LayerKind = typeof blobKind.map | typeof blobKind.files | typeof blobKind.forgotten

/** One blob of a layer with the range of keys it covers: page numbers as u32, paths, or identities. */
export interface LayerBlob {
  place: Place
  entries: number
  first: Buffer
  last: Buffer
}

/** Encodes a root. Blobs in the root's own pack, which is not finished yet, are given with a pack size of 0. */
export function encodeRoot(kind: LayerKind, blobs: readonly LayerBlob[]): Buffer {
  const table = new PlaceTable()
  const rows = blobs.map((blob) => table.row(blob.place))
  const out = new ByteWriter().u8(kind)
  table.write(out)
  out.u32(blobs.length)
  blobs.forEach((blob, i) =>
    out
      .u32(rows[i] ?? 0)
      .u32(blob.entries)
      .field(blob.first)
      .field(blob.last),
  )
  return out.done()
}

/** Decodes a root of the given kind that lies in pack `self`. Throws Malformed unless its blobs are in order and apart. */
export function decodeRoot(plain: Buffer, kind: LayerKind, self: PackRef): LayerBlob[] {
  const reader = new ByteReader(plain)
  const keyLength = kind === blobKind.map ? 4 : kind === blobKind.forgotten ? hashBytes : undefined
  if (reader.u8() !== kind) throw new Malformed('a root of another kind')
  const places = readPlaces(reader, self)
  const blobs: LayerBlob[] = []
  for (let i = 0, count = reader.count(16); i < count; i++) {
    const place = places[reader.u32()]
    const entries = reader.u32()
    const [first, last] = [reader.field(maxPath), reader.field(maxPath)]
    if (!place || entries === 0 || entries > maxLayerEntries) throw new Malformed('a root names no blob')
    if (keyLength !== undefined && (first.length !== keyLength || last.length !== keyLength))
      throw new Malformed('a root has a broken key')
    const before = blobs.at(-1)
    if (compareKeys(kind, first, last) > 0 || (before && compareKeys(kind, before.last, first) >= 0))
      throw new Malformed('a root is not in order')
    blobs.push({ place, entries, first, last })
  }
  reader.end()
  return blobs
}

/** Page numbers are little-endian, so their bytes do not sort as they do. */
function compareKeys(kind: LayerKind, a: Buffer, b: Buffer): number {
  return kind === blobKind.map ? a.readUInt32LE() - b.readUInt32LE() : Buffer.compare(a, b)
}
