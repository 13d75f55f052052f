/** Packs that are not there any more: nothing on this computer may go on pointing to them. */
import type { LocalState } from './state.ts'

/**
 * Forgets packs by their rows in the journal. Pages and files that the mirror has there count as changed from now on,
 * so the next backup reads and seals them again.
 */
export function losePacks({ cache, pages, files, index }: LocalState, rows: readonly number[]): void {
  if (rows.length === 0) return
  const blobsIn = cache.db.prepare<[number], { id: number }>('select id from blobs where pack = ?')
  const blobs = new Set<number>()
  for (const row of rows) for (const { id } of blobsIn.all(row)) blobs.add(id)
  if (blobs.size > 0) {
    cache.write(() => pages.distrust(blobs))
    files.distrust(blobs)
  }
  index.dropPacks(rows)
}
