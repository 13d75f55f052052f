/** The list of what was deleted, as each snapshot that stays carries it. */
import { blobKind } from '../format/blob.ts'
import { encodeForgotten, type ForgottenRow } from '../format/forgotten-list.ts'
import { idBytes, type Identity } from '../format/names.ts'
import { maxLayerEntries } from '../format/limits.ts'
import type { Layer, Manifest } from '../format/manifest.ts'
import { readForgotten } from '../read/read-layers.ts'
import type { ArchiveContext } from '../context.ts'
import { layersToMerge } from '../write/merge-layers.ts'
import { finished, type LayerPart, type TableWriter, type WrittenLayer } from '../write/table-writer.ts'
import { type Chain, pathBack, sortedRows } from './chain.ts'
import type { Decision, KeptSnapshot } from './decide.ts'

/** A manifest's list, some of it in a pack that is not finished yet. */
export type ForgottenStack = () => Manifest['forgotten']

/**
 * What a snapshot's list is to be: for the newest, all that was ever deleted; for any other what lies between it and
 * the one before it, so that its chain can be followed even if it becomes the newest that is left.
 */
export function listOf(
  { manifest, head }: KeptSnapshot,
  { chain }: Pick<Decision, 'chain'>,
  here: ReadonlySet<Identity>,
): ForgottenRow[] {
  if (head) return [...chain].map(([identity, predecessor]) => ({ identity, predecessor }))
  return pathBack(manifest.predecessor, chain, here).rows
}

/**
 * Writes a snapshot's list. One that only grew gets a layer for what is new, which takes in smaller ones as layers of
 * pages do; otherwise it is written whole. Undefined when it is right as it is.
 */
export async function writeList(
  context: ArchiveContext,
  tables: TableWriter,
  { manifest, head }: KeptSnapshot,
  rows: readonly ForgottenRow[],
  fresh: ReadonlySet<Identity>,
): Promise<ForgottenStack | undefined> {
  const { count, layers } = manifest.forgotten
  const added = rows.filter(({ identity }) => fresh.has(identity))
  if (added.length === 0 && rows.length === count) return undefined
  if (!head || count + added.length !== rows.length) return stack(await write(tables, rows), [], rows.length)
  const merge = layersToMerge(added.length, layers)
  const below: Chain = await readForgotten(context, layers.slice(0, merge))
  const merged = [...added, ...[...below].map(([identity, predecessor]) => ({ identity, predecessor }))]
  return stack(await write(tables, merged), layers.slice(merge), rows.length)
}

function stack(top: WrittenLayer | undefined, below: readonly Layer[], count: number): ForgottenStack {
  return () => ({ count, layers: [...(top ? [finished(top)] : []), ...below] })
}

async function write(tables: TableWriter, rows: readonly ForgottenRow[]): Promise<WrittenLayer | undefined> {
  return tables.layer(blobKind.forgotten, parts(sortedRows(rows)))
}

function* parts(sorted: readonly ForgottenRow[]): Generator<LayerPart, void, undefined> {
  for (let at = 0; at < sorted.length; at += maxLayerEntries) {
    const rows = sorted.slice(at, at + maxLayerEntries)
    const [first, last] = [rows[0], rows.at(-1)]
    if (!first || !last) return
    yield {
      plain: encodeForgotten(rows),
      entries: rows.length,
      first: idBytes(first.identity),
      last: idBytes(last.identity),
    }
  }
}
