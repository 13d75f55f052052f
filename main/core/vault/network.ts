/** What vaults are reached with: one request and its whole answer, and waiting. */

export interface VaultRequest {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  url: string
  headers: Readonly<Record<string, string>>
  /** Exactly these bytes; empty for none. */
  body: Buffer
  /** Milliseconds for the whole answer, its last byte included. */
  deadlineMs: number
  /** The longest body that is taken in, bytes. */
  maxBytes: number
  /** Whether the host may lie in this computer's own network. */
  near: boolean
  signal: AbortSignal | undefined
}

export interface VaultAnswer {
  status: number
  /** Content-Type without its parameters, lower case; empty where there is none. */
  type: string
  body: Buffer
}

/** No whole answer came. `sent`: the vault may have got the request and acted on it. */
export class NoAnswer extends Error {
  readonly sent: boolean
  constructor(reason: string, { sent }: { sent: boolean }) {
    super(reason)
    this.sent = sent
  }
}

/** An answer came that is none: too long, or no HTTP. */
export class BadAnswer extends Error {}

/** What vaults are reached with. Tests give their own waits and deadlines. */
export interface Network {
  /** NoAnswer, BadAnswer, vault_not_confirmed for a name that leads into this network, or the signal's own reason. */
  send(request: VaultRequest): Promise<VaultAnswer>
  /** Resolves after so many milliseconds, or rejects with the signal's reason. */
  wait(ms: number, signal: AbortSignal | undefined): Promise<void>
  /** Milliseconds for one whole answer. */
  deadlineMs: number
}

/** The real one. A vault's database may be busy failing over: it gets half a minute. */
export function openNetwork(): Network {
  return {
    // Most commands ask no vault, and need not load what speaks HTTP.
    send: async (request) => (await import('./send-request.ts')).sendRequest(request),
    wait,
    deadlineMs: 30_000,
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
