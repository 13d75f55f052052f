/**
 * This computer's mirror of the newest snapshot after packs were replaced: every page and piece that was moved is
 * pointed to where the snapshot's own layers say it lies now, so the next backup has nothing to upload again.
 */
import { idBytes } from '../format/names.ts'
import { layerKey, layerPacks, type LayerPacks, type LocalState, setLayerPacks } from '../local/state.ts'
import { type Manifest } from '../format/manifest.ts'
import type { PackRef } from '../format/places.ts'
import { finished } from '../write/table-writer.ts'
import type { Moves } from './moves.ts'
import type { NewLayers } from './rewrite-layers.ts'

export interface Replaced {
  /** The snapshots that stay, with their new manifests. */
  manifests: readonly Manifest[]
  going: readonly PackRef[]
  moves: Moves
  rewritten: NewLayers
}

/** Call when the new manifests are there and the old packs still are: a crash in between loses nothing. */
export function repointMirror(state: LocalState, { manifests, going, moves, rewritten }: Replaced): void {
  const { cache } = state
  const blobsIn = cache.db.prepare<[Buffer], { id: number; ordinal: number }>(
    'select b.id, b.ordinal from blobs b join packs p on p.id = b.pack where p.pack = ?',
  )
  const moved = new Map<number, { pack: PackRef; ordinal: number }>()
  for (const pack of going)
    for (const { id, ordinal } of blobsIn.all(idBytes(pack.id))) moved.set(id, { pack, ordinal })
  const find = (blob: number, index: number): { blob: number; index: number } | undefined => {
    const at = moved.get(blob)
    const target = at && moves.of(at.pack, at.ordinal, index)
    return target && { blob: target.known, index: target.index }
  }
  cache.write(() => state.pages.repoint(moved, find))
  state.files.repoint(moved, (blob) => find(blob, 0)?.blob)

  // Until here the label names a revision that is not the newest any more: a mirror half done is never used.
  const mirrored = manifests.find(({ identity }) => identity === cache.label?.identity)
  if (!mirrored) return
  cache.write(() => {
    setLayerPacks(cache, packsOf(mirrored, layerPacks(cache), rewritten))
    cache.setLabel({ identity: mirrored.identity, revision: mirrored.revision })
  })
}

function packsOf({ databases, files }: Manifest, known: LayerPacks, rewritten: NewLayers): LayerPacks {
  const packs: LayerPacks = new Map()
  const written = new Map([...rewritten.values()].flatMap((it) => (it ? [[layerKey(finished(it)), it] as const] : [])))
  for (const layer of [...databases.flatMap(({ layers }) => layers), ...files.layers]) {
    const key = layerKey(layer)
    const own = written.get(key)
    const root = { pack: layer.pack, size: layer.size }
    packs.set(
      key,
      own ? [root, ...[...own.packs].map(({ id, size }) => ({ pack: id, size }))] : (known.get(key) ?? [root]),
    )
  }
  return packs
}
