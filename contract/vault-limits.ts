/** What the vault's messages measure, and what its numbers may be (docs/VAULT.md, "Limits"). Lengths are in bytes. */

/** Wrong guesses a record survives. */
export const budget = 10

/** OPAQUE's messages and secrets: Ristretto255, SHA-512, triple Diffie-Hellman, as @serenity-kit/opaque spells them. */
export const opaqueBytes = {
  registrationRequest: 32,
  registrationResponse: 64,
  registrationRecord: 192,
  loginFirst: 96,
  loginSecond: 320,
  loginThird: 64,
  exportKey: 64,
  sessionKey: 64,
  serverSetup: 128,
} as const

export const digestBytes = 32
export const ownerKeyBytes = 32
/** Ed25519, and P-256 as r || s. */
export const signatureBytes = 64
/** The uncompressed P-256 key with its algorithm, as DER. */
export const identityBytes = 91
export const requestIdBytes = 16
/** Nonce (24), the sealed key (32 + 16), commitment (32). */
export const wrappedBytes = 24 + 32 + 16 + 32
/** What is wrapped, sealed once more: nonce (24) and tag (16). */
export const releaseBytes = 24 + wrappedBytes + 16

/** The longest ticket; one is opaque to everybody but the vault. */
export const maxTicket = 2048
/** The longest body of a request and of an answer. */
export const maxRequest = 16 * 1024
export const maxAnswer = 256 * 1024
/** Receipts in one answer. */
export const maxReceipts = 200

/** How long a ticket serves, ms. */
export const ticketLife = 2 * 60_000
/** How far the clocks of owner and vault may lie apart where a request's time counts, ms. */
export const clockTolerance = 5 * 60_000

/** Argon2id's cost: what new registrations take, and what clients accept from a vault. Memory in KiB. */
export const stretching = { memory: 256 * 1024, passes: 3, parallelism: 1 } as const
export const stretchingBounds = {
  memory: { least: 256 * 1024, most: 1024 * 1024 },
  passes: { least: 3, most: 10 },
} as const

/** The version of the protocol that this code speaks. */
export const protocol = 1
