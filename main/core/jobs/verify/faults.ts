/** The faults a verify finds: one for each kind of damage to each object, however often it is met. */
import type { CofferError, Detail, ErrorCode } from '../../../../contract/errors.ts'

export interface Fault {
  code: ErrorCode
  /** The object's name in the archive. */
  object: string
  detail: Detail
}

export class Faults {
  readonly #found = new Map<string, Fault>()

  add(code: ErrorCode, object: string, detail: Detail = {}): void {
    const key = `${code} ${object}`
    if (!this.#found.has(key)) this.#found.set(key, { code, object, detail })
  }

  /** Damage that was thrown; its own object is named, `otherwise` where it names none. */
  readonly caught = ({ code, detail }: CofferError, otherwise = ''): void => {
    const { object, ...rest } = detail
    this.add(code, typeof object === 'string' ? object : otherwise, rest)
  }

  /** All, ordered by object. */
  all(): Fault[] {
    return [...this.#found.values()].toSorted((a, b) => (a.object < b.object ? -1 : a.object > b.object ? 1 : 0))
  }
}
