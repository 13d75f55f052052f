/**
 * How layers lie on each other in all snapshots together. A layer is shared by many of them and hidden by other layers
 * in each; here every layer comes once, after all that lie on it anywhere, so that each is read a single time.
 */
import { CofferError } from '../../../../contract/errors.ts'
import { layerKey } from '../local/state.ts'
import type { DatabaseEntry, Layer } from '../format/manifest.ts'
import { packName } from '../format/names.ts'

/** The layers of one database or list of files in one snapshot, newest first. */
export interface Stack extends Pick<DatabaseEntry, 'layers'> {
  /** Entries from this page on are ignored; 0 for files, where nothing is. */
  pages: number
  /** 0 for files. */
  pageSize: number
}

/** What hides a layer's entries in one snapshot: the layers on it, and the end of the database. */
export interface Cover {
  /** Their numbers. */
  above: number[]
  pages: number
}

export interface LayerUse {
  /** Its number among these layers. */
  id: number
  layer: Layer
  pageSize: number
  /** One for each different way in which snapshots cover it; the thinnest first. */
  covers: Cover[]
  /** Whether it lies on another one anywhere. */
  above: boolean
}

/** Every layer of the stacks, each after all those above it. Errors: map_damaged when two lie on each other. */
export function layerUses(stacks: Iterable<Stack>): LayerUse[] {
  const uses = new Map<string, LayerUse & { seen: Set<string>; below: Set<string>; waitsFor: number }>()
  for (const { layers, pages, pageSize } of stacks)
    layers.forEach((layer, depth) => {
      const key = layerKey(layer)
      let use = uses.get(key)
      if (!use)
        uses.set(
          key,
          (use = {
            id: uses.size,
            layer,
            pageSize,
            covers: [],
            above: false,
            seen: new Set(),
            below: new Set(),
            waitsFor: 0,
          }),
        )
      const above = layers.slice(0, depth).map((it) => uses.get(layerKey(it))?.id ?? -1)
      const signature = `${pages} ${above.join(' ')}`
      if (!use.seen.has(signature)) use.covers.push({ above, pages })
      use.seen.add(signature)
      const under = layers[depth - 1]
      const on = under && uses.get(layerKey(under))
      if (!on || on.below.has(key)) return
      on.below.add(key)
      on.above = true
      use.waitsFor++
    })
  const ordered: LayerUse[] = []
  const ready = [...uses.values()].filter(({ waitsFor }) => waitsFor === 0)
  for (let use = ready.pop(); use; use = ready.pop()) {
    const { id, layer, pageSize, above } = use
    ordered.push({ id, layer, pageSize, above, covers: use.covers.sort((a, b) => a.above.length - b.above.length) })
    for (const key of use.below) {
      const next = uses.get(key)
      if (next && --next.waitsFor === 0) ready.push(next)
    }
  }
  const [stuck] = [...uses.values()].filter(({ waitsFor }) => waitsFor > 0)
  // Whoever has the key can write nonsense.
  if (stuck)
    throw new CofferError('map_damaged', {
      object: packName(stuck.layer.pack),
      reason: 'layers that lie on each other',
    })
  return ordered
}
