/** How vaults are really reached. */
import type { Network } from './request.ts'

/** The real one. A vault's database may be busy failing over: that takes seconds. */
export function openNetwork(): Network {
  return {
    // Most commands ask no vault, and need not load what speaks HTTP.
    send: async (request) => (await import('./send-request.ts')).sendRequest(request),
    wait,
    deadlineMs: 20_000,
  }
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', aborted)
      resolve()
    }, ms)
    if (signal?.aborted) aborted()
    else signal?.addEventListener('abort', aborted)
  })
}
