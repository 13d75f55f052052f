/**
 * What holds for every kind of anchor. A node is one process that serves, and now and then a second one that its
 * operator runs beside it (`coffer-vault rotate-seal-key`): both follow one log and share one anchor, which must never
 * go back for either.
 */
import { type Anchor, KeystoreUnavailable } from './keystore.ts'

/**
 * Whether the anchor that another process has written meanwhile is further along the log than the one to be written,
 * which then need not be. KeystoreUnavailable if they contradict each other: two logs, or two vaults, use one name.
 */
export function isCovered(anchor: Anchor, there: Anchor): boolean {
  if (there.place !== anchor.place) return there.place > anchor.place
  if (Buffer.from(there.hash).equals(anchor.hash)) return true
  throw new KeystoreUnavailable(
    'Another process has written another anchor for the same place of the log: does another vault use this node’s name?',
  )
}

/** Calls `work` one after the other, in the order in which they came. */
export function inTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    return mine
  }
}
