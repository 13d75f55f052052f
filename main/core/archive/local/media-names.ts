/**
 * The media that a store names, kept on the disk while its files are sealed: so the store itself can be let go of long
 * before it is known which of them there are.
 */
import type { Statement } from 'better-sqlite3'
import type { LocalCache } from './cache.ts'
import type { FileCache } from './file-cache.ts'

export class MediaNames {
  private readonly cache: LocalCache
  private readonly put: Statement<[Buffer]>

  constructor(cache: LocalCache) {
    this.cache = cache
    this.put = cache.db.prepare('insert into named_media (path) values (?)')
  }

  /** Forgets what an earlier, unfinished backup was told. */
  begin(): void {
    this.cache.db.exec('delete from named_media')
  }

  add(paths: readonly string[]): void {
    this.cache.write(() => {
      for (const path of paths) this.put.run(Buffer.from(path))
    })
  }

  /** How many of them are not in the snapshot being made; they are forgotten then. */
  takeMissing(files: Pick<FileCache, 'has'>): number {
    // Page by page, since a store may name any number; a path counts as often as it is named.
    const page = this.cache.db.prepare<[number], { id: number; path: Buffer }>(
      'select id, path from named_media where id > ? order by id limit 1000',
    )
    let missing = 0
    for (let rows = page.all(0); rows.length > 0; rows = page.all(rows.at(-1)?.id ?? 0))
      missing += rows.filter(({ path }) => !files.has(path)).length
    this.begin()
    return missing
  }
}
