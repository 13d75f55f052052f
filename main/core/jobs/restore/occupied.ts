/** Looking, before anything is written, for what is in the way of a restore. */
import { lstatSync, readdirSync, type Stats } from 'node:fs'
import { CofferError } from '../../../../contract/errors.ts'
import { localFailure } from '../../archive/read/local-failure.ts'
import { below, type LocalPath, shown } from './local-path.ts'
import { joined } from './name-plan.ts'
import { stagingName } from './staging.ts'

/**
 * What SQLite takes for a part of a database because of its name: a restored database would be read together with
 * another one's last changes.
 */
export const sidecars = ['-wal', '-shm', '-journal'] as const

/** A path's status without following a link; undefined where there is nothing. Errors: target_failed. */
export function look(path: LocalPath): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    throw localFailure(error, path.toString())
  }
}

/** Asked about one path after the other, in the archive's order. */
export class Occupied {
  readonly #target: string
  readonly #overwrite: boolean
  /** The target has nothing in it that could be in the way. */
  readonly #empty: boolean
  /** The folders of the last path: whether they are there already. */
  #chain: { name: Buffer; there: boolean }[] = []

  constructor(target: string, { overwrite }: { overwrite: boolean }) {
    this.#target = target
    this.#overwrite = overwrite
    try {
      this.#empty = readdirSync(target).every((name) => stagingName.test(name))
    } catch (error) {
      throw localFailure(error, target)
    }
  }

  /**
   * Throws target_occupied if a file of these names cannot be restored: because there is one and it must not be
   * replaced, or because a link or a file is where a folder must be. Links are never followed and never go by.
   */
  check(names: readonly Buffer[]): void {
    if (this.#empty || !this.#folderIsThere(names.slice(0, -1))) return
    const stats = look(below(this.#target, names))
    if (stats && (stats.isDirectory() || !this.#overwrite)) throw inTheWay(names, stats)
  }

  /** The same for a database, and for what lies beside it. */
  checkDatabase(name: Buffer): void {
    this.check([name])
    for (const ending of sidecars) this.check([Buffer.concat([name, Buffer.from(ending)])])
  }

  #folderIsThere(names: readonly Buffer[]): boolean {
    let depth = 0
    while (depth < names.length && this.#chain[depth]?.name.equals(names[depth] ?? Buffer.alloc(0))) depth++
    this.#chain.length = depth
    for (; depth < names.length; depth++) {
      const parent = this.#chain.at(-1)
      const path = names.slice(0, depth + 1)
      const stats = parent?.there === false ? undefined : look(below(this.#target, path))
      if (stats && !stats.isDirectory()) throw inTheWay(path, stats)
      this.#chain.push({ name: names[depth] ?? Buffer.alloc(0), there: stats !== undefined })
    }
    return this.#chain.at(-1)?.there ?? true
  }
}

function inTheWay(names: readonly Buffer[], stats: Stats): CofferError {
  const found = stats.isSymbolicLink() ? 'a link' : stats.isDirectory() ? 'a folder' : 'a file'
  return new CofferError('target_occupied', { path: shown(joined(names)), found })
}
