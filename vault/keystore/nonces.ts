/**
 * Nonces for AES-GCM that one process never gives twice and that two processes do not give both: eight random bytes
 * drawn at the start and a counter of four. Twelve random bytes would begin to repeat after some 2^32 seals (NIST
 * SP 800-38D, 8.3), which a busy vault makes within days; here two of n starts share a prefix with a chance of
 * n^2 / 2^65, however much each of them seals.
 */
import { randomBytes } from 'node:crypto'

/** Bytes of a nonce. */
export const nonceBytes = 12

/** `random` gives the prefixes; `first` is where the counter begins. */
export function nonces(random: (bytes: number) => Buffer = randomBytes, first = 0): () => Buffer {
  let prefix = random(8)
  let count = first
  return () => {
    if (count > 0xffff_ffff) {
      prefix = random(8)
      count = 0
    }
    const nonce = Buffer.alloc(nonceBytes)
    prefix.copy(nonce)
    nonce.writeUInt32BE(count++, 8)
    return nonce
  }
}
