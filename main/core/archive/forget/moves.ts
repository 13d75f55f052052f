/** Where what was alive in packs that go lies now: for every page and piece its new blob. On disk, like all that grows. */
import type { Statement } from 'better-sqlite3'
import { packIdFrom, type PackId } from '../format/names.ts'
import type { PackRef, Place } from '../format/places.ts'
import type { LiveTable } from './live-table.ts'

/** A new place; `known` is the blob's row in this computer's own index. */
export interface Target {
  place: Place
  known: number
  index: number
}

/** Blobs whose moves are kept at hand: neighbours in a map lie in the same few. Each has at most some hundred pages. */
const remembered = 512

interface TargetRow {
  target: number
  page: number
  place: number
  pack: Buffer
  size: number
  ordinal: number
  start: number
  length: number
  compressed: number
  known: number
}

export class Moves {
  private readonly live: LiveTable
  private readonly addTarget: Statement<[number, number, number, number, number, number]>
  private readonly addMove: Statement<[number, number, number, number]>
  private readonly find: Statement<[number, number], TargetRow>
  private readonly packs = new Map<string, PackRef>()
  private readonly blobs = new Map<string, Map<number, Target>>()

  constructor(live: LiveTable) {
    this.live = live
    this.addTarget = live.db.prepare(
      'insert into targets (pack, ordinal, start, length, compressed, known) values (?, ?, ?, ?, ?, ?)',
    )
    this.addMove = live.db.prepare('replace into moves values (?, ?, ?, ?)')
    this.find = live.db.prepare(
      `select m.target, m.page, m.place, p.pack, p.size, t.ordinal, t.start, t.length, t.compressed, t.known
       from blobs b join moves m on m.blob = b.id join targets t on t.id = m.target join packs p on p.id = t.pack
       where b.pack = ? and b.ordinal = ?`,
    )
  }

  /** Pages of old blobs (0 for a piece) lie at `place` now, each at its index there. */
  add(moved: readonly { blob: number; page: number; index: number }[], place: Place, known: number): void {
    this.live.write(() => {
      const { ordinal, offset, length, compressed } = place
      const pack = this.live.pack(place.pack)
      const target = this.addTarget.run(pack, ordinal, offset, length, compressed ? 1 : 0, known).lastInsertRowid
      for (const { blob, page, index } of moved) this.addMove.run(blob, page, Number(target), index)
    })
  }

  /** A new pack has this size. */
  landed(pack: PackId, size: number): void {
    this.live.db.prepare('update packs set size = ? where id = ?').run(size, this.live.pack({ id: pack, size }))
  }

  /**
   * Where a page (0 for a piece) of a blob in a pack that goes lies now; undefined when it was not alive. Only once
   * everything has been moved.
   */
  of(pack: PackRef, ordinal: number, page: number): Target | undefined {
    const key = `${pack.id} ${ordinal}`
    let targets = this.blobs.get(key)
    if (!targets) {
      targets = this.targetsOf(this.live.pack(pack), ordinal)
      if (this.blobs.size >= remembered) this.blobs.clear()
      this.blobs.set(key, targets)
    }
    return targets.get(page)
  }

  private targetsOf(pack: number, ordinal: number): Map<number, Target> {
    const places = new Map<number, Place>()
    const targets = new Map<number, Target>()
    for (const row of this.find.all(pack, ordinal)) {
      const { target, page, place: index, known } = row
      const place = places.get(target) ?? this.placeOf(row)
      places.set(target, place)
      targets.set(page, { place, known, index })
    }
    return targets
  }

  private placeOf({ pack, size, ordinal, start, length, compressed }: TargetRow): Place {
    // One object for each pack, as tables read from an archive have it.
    const key = pack.toString('latin1')
    let ref = this.packs.get(key)
    if (!ref) this.packs.set(key, (ref = { id: packIdFrom(pack), size }))
    return { pack: ref, ordinal, offset: start, length, compressed: compressed === 1 }
  }
}
