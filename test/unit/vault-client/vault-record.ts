/** A record as the model of a vault keeps it. */
import type { Newest, Receipt, Statement, Stretching } from '../../../contract/vault.ts'

interface Secrets {
  setup: string
  record: string
  wrapped: string
}
export interface Kept {
  state: Statement['state']
  generation: number
  counter: number
  budget: number
  epoch: number
  at: number
  stretching: Stretching
  newest: Newest | null
  secrets: Secrets | undefined
  receipts: Receipt[]
  lastChange: string
}

const cheap: Stretching = { memory: 64, passes: 1, parallelism: 1 }
/** One before its first change. */
export function blankRecord(): Kept {
  return {
    state: 'deleted',
    generation: 0,
    counter: 0,
    budget: 0,
    epoch: 0,
    at: 0,
    stretching: cheap,
    newest: null,
    secrets: undefined,
    receipts: [],
    lastChange: '',
  }
}
