/** Figures as they come in, and what is made of them. */
import type { ToolName } from './tool.ts'

export type Who = ToolName | 'copy'

export class Samples {
  readonly #values = new Map<string, number[]>()

  /** `measure` names what was measured, with its unit: `full, seconds`. */
  add(measure: string, who: Who, value: number): void {
    const key = `${measure} ${who}`
    const values = this.#values.get(key) ?? []
    values.push(value)
    this.#values.set(key, values)
  }

  of(measure: string, who: Who): readonly number[] {
    return this.#values.get(`${measure} ${who}`) ?? []
  }

  /** Undefined where nothing was measured. */
  median(measure: string, who: Who): number | undefined {
    return median(this.of(measure, who))
  }

  /** The median of `other / coffer`, pair by pair: what the machine did meanwhile hits both halves of a pair. */
  times(measure: string, other: Who): number | undefined {
    const ours = this.of(measure, 'coffer')
    return median(this.of(measure, other).flatMap((value, i) => (ours[i] ? [value / ours[i]] : [])))
  }
}

/** The middle one, or the mean of the two in the middle; undefined of none. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}
