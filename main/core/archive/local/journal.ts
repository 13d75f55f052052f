/** The journal of packs: ids are written here before the first byte of the pack leaves this computer. */
import { idBytes, type PackId, packIdFrom } from '../format/names.ts'
import type { LocalCache } from './cache.ts'

export class Journal {
  private readonly cache: LocalCache
  constructor(cache: LocalCache) {
    this.cache = cache
  }

  reserve(pack: PackId): void {
    this.cache.write(() =>
      this.cache.db.prepare('insert into packs (pack, size, state) values (?, 0, 0)').run(idBytes(pack)),
    )
  }
  /** Marks a pack as landed with its size; returns its row. Call within the transaction that adds its blobs. */
  landed(pack: PackId, size: number): number {
    const row = this.cache.db
      .prepare<[Buffer, number], { id: number }>(
        'insert into packs (pack, size, state) values (?, ?, 1) on conflict (pack) do update set size = excluded.size, state = 1 returning id',
      )
      .get(idBytes(pack), size)
    if (!row) throw new Error('a pack without a row')
    return row.id
  }
  drop(pack: PackId): void {
    this.cache.db.prepare('delete from packs where pack = ?').run(idBytes(pack))
  }
  all(): { id: number; pack: PackId; size: number; landed: boolean }[] {
    return this.cache.db
      .prepare<[], { id: number; pack: Buffer; size: number; state: number }>('select id, pack, size, state from packs')
      .all()
      .map(({ id, pack, size, state }) => ({ id, pack: packIdFrom(pack), size, landed: state === 1 }))
  }
}
