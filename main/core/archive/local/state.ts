/** The parts of this computer's state of an archive, together. */
import type { Layer } from '../format/manifest.ts'
import type { PackId } from '../format/names.ts'
import type { LocalCache } from './cache.ts'
import { FileCache } from './file-cache.ts'
import { HashIndex } from './hash-index.ts'
import { Journal } from './journal.ts'
import { MediaNames } from './media-names.ts'
import { PageCache } from './page-cache.ts'

export interface LocalState {
  cache: LocalCache
  journal: Journal
  index: HashIndex
  pages: PageCache
  files: FileCache
  mediaNames: MediaNames
}

export function localState(cache: LocalCache): LocalState {
  return {
    cache,
    journal: new Journal(cache),
    index: new HashIndex(cache),
    pages: new PageCache(cache),
    files: new FileCache(cache),
    mediaNames: new MediaNames(cache),
  }
}

/** The packs in which each layer of the mirrored snapshot lies, by the place of its root. */
export type LayerPacks = Map<string, { pack: PackId; size: number }[]>

/** How a layer is called there. */
export function layerKey(layer: Pick<Layer, 'pack' | 'ordinal'>): string {
  return `${layer.pack}.${layer.ordinal}`
}

export function layerPacks(cache: LocalCache): LayerPacks {
  const note = cache.note('layers')
  // Written by setLayerPacks alone, in a file of our own.
  return new Map(note ? (JSON.parse(note) as [string, { pack: PackId; size: number }[]][]) : [])
}
export function setLayerPacks(cache: LocalCache, packs: LayerPacks): void {
  cache.setNote('layers', JSON.stringify([...packs]))
}
