/** What receipts say about tries: who got in, and who did not. */
import type { Receipt } from '../../../contract/vault.ts'

export interface Try {
  at: Date
  /** The how-many-eth guess of the ten it was. */
  attempt: number
  /** `right`: it opened the record. `wrong`: it was given back, or nothing came of it. */
  outcome: 'right' | 'wrong'
}

/** All tries among receipts that were checked, oldest first; with `after` only those of later receipts. */
export function triesIn(receipts: readonly Receipt[], after = 0): Try[] {
  const opened = new Set(receipts.flatMap(({ kind, message }) => (kind === 'opened' ? [message] : [])))
  return receipts.flatMap(({ kind, number, message, at, attempt }) =>
    kind === 'tried' && number > after
      ? [{ at: new Date(at), attempt, outcome: opened.has(message) ? ('right' as const) : ('wrong' as const) }]
      : [],
  )
}
