/**
 * What every file of a backup will be called in the target. Paths are asked for in the archive's order, in which all
 * that lies in one folder comes together: only the names of the folders along the current path are remembered.
 */
import { foldName, type NameRules, otherName, safeName, splitPath } from './safe-name.ts'

/** A path as the target will have it. */
export interface Planned {
  /** The names along it. */
  names: Buffer[]
  /** Folders and file whose names had to change, outermost first: what each was and is, as paths. */
  changed: { from: Buffer; to: Buffer }[]
}

interface Folder {
  original: Buffer
  local: Buffer
  /** Folded names in use; undefined where no two can meet. */
  taken: Set<string> | undefined
}

export class NamePlan {
  readonly #rules: NameRules
  /** The target itself, then the folders of the last path. */
  readonly #chain: Folder[]

  constructor(rules: NameRules) {
    this.#rules = rules
    // Always watched, since databases and what belongs to them lie here.
    this.#chain = [{ original: Buffer.alloc(0), local: Buffer.alloc(0), taken: new Set() }]
  }

  /** Keeps a name at the root from being used by anything else. */
  reserve(name: Buffer): void {
    this.#chain[0]?.taken?.add(foldName(name, this.#rules))
  }

  /** A path's place; undefined for one that must not be restored at all. Paths come sorted by their bytes. */
  take(path: Buffer): Planned | undefined {
    const names = splitPath(path)
    if (!names) return undefined
    const changed: Planned['changed'] = []
    const last = names.length - 1
    let depth = 0
    while (depth < last && this.#chain[depth + 1]?.original.equals(names[depth] ?? Buffer.alloc(0))) depth++
    this.#chain.length = depth + 1
    for (; depth < last; depth++) {
      const original = names[depth] ?? Buffer.alloc(0)
      const local = this.#name(original, names.slice(0, depth), changed)
      const { windows, ignoresCase, ignoresForm } = this.#rules
      this.#chain.push({ original, local, taken: windows || ignoresCase || ignoresForm ? new Set() : undefined })
    }
    const local = this.#name(names[last] ?? Buffer.alloc(0), names.slice(0, last), changed)
    return { names: [...this.#chain.slice(1).map((folder) => folder.local), local], changed }
  }

  #name(original: Buffer, parents: Buffer[], changed: Planned['changed']): Buffer {
    const wanted = safeName(original, this.#rules)
    const taken = this.#chain.at(-1)?.taken
    let name = wanted
    for (let n = 2; taken?.has(foldName(name, this.#rules)); n++) name = otherName(wanted, n)
    taken?.add(foldName(name, this.#rules))
    if (!name.equals(original)) {
      const from = joined([...parents, original])
      changed.push({ from, to: joined([...this.#chain.slice(1).map((folder) => folder.local), name]) })
    }
    return name
  }
}

/** Names as a path with slashes. */
export function joined(names: readonly Buffer[]): Buffer {
  return Buffer.concat(names.flatMap((name, i) => (i === 0 ? [name] : [Buffer.from('/'), name])))
}
