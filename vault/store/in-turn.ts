/**
 * One after the other, in the order of asking. Nothing that fails keeps those behind it from their turn.
 */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>

/** A queue of its own. */
export function inTurn(): InTurn {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    return mine
  }
}
