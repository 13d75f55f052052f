/** Reading the layers of a stack: the root, then blob by blob. Nothing holds more than one blob of each layer. */
import { blobKind } from '../format/blob.ts'
import type { ArchiveContext } from '../context.ts'
import { Malformed } from '../format/bytes.ts'
import { decodeForgotten } from '../format/forgotten-list.ts'
import { decodeRoot, type LayerBlob, type LayerKind } from '../format/layer-root.ts'
import type { Layer } from '../format/manifest.ts'
import { type Identity, packName } from '../format/names.ts'
import { decodePageMap, type PageMapBlob } from '../format/page-map.ts'
import type { Place } from '../format/places.ts'
import { intact, readBlob } from './read-blob.ts'

/** The place of a layer's root, from the manifest. */
export function rootPlace(layer: Layer): Place {
  const { ordinal, offset, length, compressed } = layer
  return { pack: { id: layer.pack, size: layer.size }, ordinal, offset, length, compressed }
}

/** The blobs of a layer, in the order of their keys. */
export async function readRoot(context: ArchiveContext, layer: Layer, kind: LayerKind): Promise<LayerBlob[]> {
  const place = rootPlace(layer)
  const plain = await readBlob(context, place, blobKind.root)
  return intact(packName(place.pack.id), () => {
    const blobs = decodeRoot(plain, kind, place.pack)
    if (blobs.reduce((sum, { entries }) => sum + entries, 0) !== layer.entries)
      throw new Malformed('a root that is not the one its manifest names')
    return blobs
  })
}

/** One blob of a page map layer, holding exactly what its root says. */
export async function readPageMap(context: ArchiveContext, blob: LayerBlob): Promise<PageMapBlob> {
  const plain = await readBlob(context, blob.place, blobKind.map)
  return intact(packName(blob.place.pack.id), () => {
    const map = decodePageMap(plain, blob.place.pack)
    if (
      map.pages.length !== blob.entries ||
      map.pages[0] !== blob.first.readUInt32LE() ||
      map.pages.at(-1) !== blob.last.readUInt32LE()
    )
      throw new Malformed('a map that is not the one its root names')
    return map
  })
}

/** The identities that were deleted on purpose, each with its predecessor's. */
export async function readForgotten(
  context: ArchiveContext,
  layers: readonly Layer[],
): Promise<Map<Identity, Identity | null>> {
  const forgotten = new Map<Identity, Identity | null>()
  for (const layer of layers)
    for (const blob of await readRoot(context, layer, blobKind.forgotten)) {
      const plain = await readBlob(context, blob.place, blobKind.forgotten)
      const rows = intact(packName(blob.place.pack.id), () => {
        const decoded = decodeForgotten(plain)
        const [first, last] = [decoded[0]?.identity, decoded.at(-1)?.identity]
        if (
          decoded.length !== blob.entries ||
          first !== blob.first.toString('hex') ||
          last !== blob.last.toString('hex')
        )
          throw new Malformed('a forgotten list that is not the one its root names')
        return decoded
      })
      for (const { identity, predecessor } of rows) forgotten.set(identity, predecessor)
    }
  return forgotten
}
