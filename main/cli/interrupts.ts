/** Ctrl-C: the first asks the job to stop and leave everything tidy, the second does not wait for that. */

export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown
  off(signal: NodeJS.Signals, listener: () => void): unknown
}

const asking: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Calls `first`, later `again` for each further signal. A terminal that is closed (SIGHUP) or a system that shuts
 * down (SIGTERM) asks the same. Gives back how to stop listening.
 */
export function listenForInterrupts(
  source: SignalSource,
  { first, again }: { first: () => void; again: () => void },
): () => void {
  let asked = false
  const listener = (): void => {
    if (asked) {
      again()
      return
    }
    asked = true
    first()
  }
  for (const signal of asking) source.on(signal, listener)
  return () => {
    for (const signal of asking) source.off(signal, listener)
  }
}
