import { CofferError } from '../../../contract/errors.ts'

/** How a job tells whoever watches it what it is doing. Called often; the watcher throttles. */
export interface Progress {
  phase: 'snapshot' | 'scan' | 'seal' | 'commit' | 'read' | 'write' | 'check' | 'collect'
  /** Bytes done of `total` (0 while unknown). */
  done: number
  total: number
  /** What is being worked on: a file or object name, for people. */
  item?: string
}

export type OnProgress = (progress: Progress) => void

/** Throws `cancelled` once the person has asked to stop. */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new CofferError('cancelled')
}
