/** One request to a vault and its answer, and the two ways in which there is none. */

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
