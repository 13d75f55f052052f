/**
 * The files of a snapshot: its list layers merged in path order, newest first. Each layer holds one blob in memory.
 */
import type { CofferError } from '../../../../contract/errors.ts'
import { blobKind } from '../format/blob.ts'
import { Malformed } from '../format/bytes.ts'
import type { ArchiveContext } from '../context.ts'
import { decodeFileList, type FileEntry, type ListEntry } from '../format/file-list.ts'
import type { LayerBlob } from '../format/layer-root.ts'
import type { Layer } from '../format/manifest.ts'
import { packName } from '../format/names.ts'
import { intact, isDamage, readBlob } from './read-blob.ts'
import { readRoot } from './read-layers.ts'

/** A stretch of paths that a damaged blob may have named; without bounds: a whole layer. */
interface Gap {
  gap: true
  first?: Buffer
  last?: Buffer
}

/**
 * Yields every live file in path order. Damage throws, or, when `onFault` is given, is reported; then files of older
 * layers within the damaged range are left out, since this snapshot may have replaced or removed them.
 */
export async function* resolveFiles(
  context: ArchiveContext,
  layers: readonly Layer[],
  onFault?: (fault: CofferError) => void,
): AsyncGenerator<FileEntry, void, undefined> {
  for await (const entry of mergeLayers(context, layers, onFault)) if (!('removed' in entry)) yield entry
}

/** The same with removals: what a merged layer holds. */
export async function* mergeLayers(
  context: ArchiveContext,
  layers: readonly Layer[],
  onFault?: (fault: CofferError) => void,
): AsyncGenerator<ListEntry, void, undefined> {
  const streams = layers.map((layer) => layerEntries(context, layer, onFault))
  const heads: (ListEntry | undefined)[] = []
  const gaps: Gap[][] = streams.map(() => [])
  const advance = async (i: number) => {
    for (;;) {
      const next = await streams[i]?.next()
      if (!next || next.done) return void (heads[i] = undefined)
      if (!('gap' in next.value)) return void (heads[i] = next.value)
      gaps[i]?.push(next.value)
    }
  }
  for (let i = 0; i < streams.length; i++) await advance(i)
  for (;;) {
    let least: Buffer | undefined
    for (const head of heads) if (head && (!least || Buffer.compare(head.path, least) < 0)) least = head.path
    if (!least) return
    let chosen: ListEntry | undefined
    let hidden = false
    for (let i = 0; i < streams.length; i++) {
      const head = heads[i]
      const path: Buffer = least
      if (head?.path.equals(path)) {
        if (!hidden && !chosen) chosen = head
        await advance(i)
      }
      if (!chosen) hidden ||= (gaps[i] ?? []).some((gap) => covers(gap, path))
    }
    if (chosen) yield chosen
  }
}

function covers({ first, last }: Gap, path: Buffer): boolean {
  return (!first || Buffer.compare(first, path) <= 0) && (!last || Buffer.compare(path, last) <= 0)
}

async function* layerEntries(
  context: ArchiveContext,
  layer: Layer,
  onFault?: (fault: CofferError) => void,
): AsyncGenerator<ListEntry | Gap> {
  let blobs: LayerBlob[]
  try {
    blobs = await readRoot(context, layer, blobKind.files)
  } catch (error) {
    if (!onFault || !isDamage(error)) throw error
    onFault(error)
    yield { gap: true }
    return
  }
  for (const blob of blobs) {
    try {
      const plain = await readBlob(context, blob.place, blobKind.files)
      yield* faithful(blob, decodeFileList(plain, blob.place.pack))
    } catch (error) {
      if (!onFault || !isDamage(error)) throw error
      onFault(error)
      yield { gap: true, first: blob.first, last: blob.last }
    }
  }
}

/** Passes entries on; what does not decode, or is not the blob its root names, becomes a fault that names the pack. */
function* faithful(
  blob: LayerBlob,
  entries: Generator<ListEntry, void, undefined>,
): Generator<ListEntry, void, undefined> {
  const object = packName(blob.place.pack.id)
  let count = 0
  let last: Buffer | undefined
  for (;;) {
    const next = intact(object, () => entries.next())
    if (next.done) break
    const { path } = next.value
    intact(object, () => {
      if (count === 0 && !path.equals(blob.first))
        throw new Malformed('a list that begins elsewhere than its root says')
      if (Buffer.compare(path, blob.last) > 0) throw new Malformed('a path outside its blob’s range')
    })
    count++
    last = path
    yield next.value
  }
  intact(object, () => {
    if (count !== blob.entries || !last?.equals(blob.last))
      throw new Malformed('a list that is not the one its root names')
  })
}
