/** What every kind of keystore holds its keys to. */
import { createHash } from 'node:crypto'
import { KeystoreUnavailable, KeystoreWrong, SealRefused } from './keystore.ts'

/** SHA-256 of the SPKI: 32 bytes. */
export function fingerprint(spki: Uint8Array): Buffer {
  return createHash('sha256').update(spki).digest()
}

/** KeystoreWrong if the identity is not the expected one: all nodes of a vault share one set of keys. */
export function refuseOtherVault(spki: Uint8Array, expected: Uint8Array | undefined): void {
  if (expected === undefined || fingerprint(spki).equals(expected)) return
  const spell = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
  throw new KeystoreWrong(
    `This keystore holds the keys of another vault: its fingerprint is ${spell(fingerprint(spki))}, not ${spell(expected)}.`,
  )
}

/**
 * What it means that a key is not there: it was destroyed, and what it sealed is gone; or, above all others, it has
 * not come here yet, as when a token is a copy that was made before.
 */
export function missingEpoch(epoch: number, there: readonly number[]): SealRefused | KeystoreUnavailable {
  return epoch > Math.max(0, ...there)
    ? new KeystoreUnavailable(`This keystore has no seal key ${epoch} yet.`)
    : new SealRefused(`seal key ${epoch} was destroyed`)
}
