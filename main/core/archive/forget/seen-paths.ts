/** Which files of a layer some snapshot sees: those that in one of them no layer above has, nor has removed. */
import type { Statement } from 'better-sqlite3'
import type { LayerUse } from './layer-uses.ts'
import type { LiveTable } from './live-table.ts'

export class SeenPaths {
  private readonly find: Statement<[Buffer], { layer: number }>
  private readonly add: Statement<[Buffer, number]>

  constructor({ db }: LiveTable) {
    this.find = db.prepare('select layer from paths where path = ?')
    this.add = db.prepare('insert or ignore into paths values (?, ?)')
  }

  /** Notes that a layer that lies on others has an entry for this path. */
  record({ id }: LayerUse, path: Buffer): void {
    this.add.run(path, id)
  }

  /** Every layer above must have been recorded. */
  sees({ covers }: LayerUse, path: Buffer): boolean {
    if (covers.some(({ above }) => above.length === 0)) return true
    const having = new Set(this.find.all(path).map(({ layer }) => layer))
    return covers.some(({ above }) => !above.some((layer) => having.has(layer)))
  }
}
