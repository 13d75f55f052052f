/**
 * What the vault asks of the process that talks to a token (token-process.ts). PKCS#11 is a blocking interface, and a
 * networked token may take its time or never answer: in a process of its own it holds up nobody, and what hangs or
 * crashes can be ended and started anew.
 */
import { type Anchor, KeystoreUnavailable } from './keystore.ts'

/** Which token, and whose keys in it. */
export interface TokenPlace {
  /** The library of the token's maker. */
  module: string
  tokenLabel: string
  pin: string
  /** What the labels of this vault's objects begin with. */
  keyLabel: string
}

/** What the token says of itself. */
export interface TokenInfo {
  manufacturer: string
  model: string
}

/** An anchor as it lies in the token; sequence 0 says that nothing was anchored yet. */
export interface StoredAnchor extends Anchor {
  sequence: number
}

/** Sequences: of the last anchor that this process found or wrote, and of the newest that it has seen. */
export interface KnownAnchors {
  own: number
  seen: number
}

/** Each may be asked again: a second time does no harm, with the exception of `create` and `addEpoch`. */
export interface TokenCalls {
  login(place: TokenPlace): Promise<TokenInfo>
  /** Makes the identity and the seal key of epoch 1. */
  create(): void
  /** The identity's public half, as SPKI. */
  identity(): Buffer
  /** `digest` is SHA-256's. Gives r || s. */
  sign(digest: Uint8Array): Buffer
  epochs(): number[]
  addEpoch(): number
  destroyEpoch(epoch: number): void
  seal(epoch: number, nonce: Uint8Array, plain: Uint8Array, bound: Uint8Array): Buffer
  /** `canary`: known to be sealed under the same key, bound to `canaryBound`. */
  open(epoch: number, sealed: Uint8Array, bound: Uint8Array, canary: Uint8Array): Buffer
  /** Makes one that says nothing where there is none. */
  readAnchor(node: string): StoredAnchor
  /** Gives the new one's sequence, as token-anchor.ts says. */
  writeAnchor(node: string, anchor: Anchor, known: KnownAnchors): number | undefined
}

export interface Question {
  id: number
  name: keyof TokenCalls
  args: unknown[]
}

/**
 * `wrong`, `unavailable`, `refused`: as in keystore.ts. `missing`: no key of that epoch; `epochs` are those there.
 * `failed`: the token said no in a way that may mean anything; the session was discarded.
 */
export type Trouble =
  { kind: 'wrong' | 'unavailable' | 'refused' | 'failed'; said: string } | { kind: 'missing'; epochs: number[] }

export type Answer = { id: number; value: unknown } | { id: number; trouble: Trouble }

/** What canaries are bound to. */
export const canaryBound = Buffer.from('coffer-canary-1')

/** The token, its library or its process failed, in a way that may mean anything. */
export class TokenFailed extends Error {}

/** It gave no answer in time: asking again at once would only double the wait. */
export class TokenLate extends TokenFailed {}

export function olderAnchor(node: string): KeystoreUnavailable {
  return new KeystoreUnavailable(`An older anchor of “${node}” was put back into the token. Restart the node.`)
}

/** There is no key of the epoch; these are there. */
export class MissingKey extends Error {
  readonly epochs: number[]
  constructor(epochs: number[]) {
    super('no such key')
    this.epochs = epochs
  }
}
