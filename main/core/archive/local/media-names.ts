/**
 * The media that a store names, kept on the disk while its files are sealed: so the store itself can be let go of long
 * before it is known which of them there are.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Statement } from 'better-sqlite3'
import { throwIfCancelled } from '../../jobs/progress.ts'
import { maxPath } from '../format/limits.ts'
import type { LocalCache } from './cache.ts'
import type { FileCache } from './file-cache.ts'

export class MediaNames {
  private readonly cache: LocalCache
  private readonly put: Statement<[Buffer]>
  /** Named with more bytes than a path may have. */
  private impossible = 0

  constructor(cache: LocalCache) {
    this.cache = cache
    this.put = cache.db.prepare('insert into named_media (path) values (?)')
  }

  /** Forgets what an earlier, unfinished backup was told. */
  begin(): void {
    this.cache.db.exec('delete from named_media')
    this.impossible = 0
  }

  add(paths: readonly string[]): void {
    this.cache.write(() => {
      for (const path of paths.map((it) => Buffer.from(it)))
        // No archive can have it, and a store that means harm could fill this disk with such.
        if (path.length > maxPath) this.impossible++
        else this.put.run(path)
    })
  }

  /** How many of them are not in the snapshot being made; they are forgotten then. Errors: cancelled. */
  async takeMissing(files: Pick<FileCache, 'has'>, signal: AbortSignal): Promise<number> {
    // Page by page, since a store may name any number; a path counts as often as it is named.
    const page = this.cache.db.prepare<[number], { id: number; path: Buffer }>(
      'select id, path from named_media where id > ? order by id limit 1000',
    )
    let missing = this.impossible
    for (let rows = page.all(0); rows.length > 0; rows = page.all(rows.at(-1)?.id ?? 0)) {
      missing += rows.filter(({ path }) => !files.has(path)).length
      await nextTurn()
      throwIfCancelled(signal)
    }
    this.begin()
    return missing
  }
}
