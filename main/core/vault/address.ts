/**
 * The address of a vault: `https://host[:port]`, as an invite gives it with `#fingerprint` behind. Only this much is
 * an address; a user name, a path or a query in it would be somebody's attempt to make a host look like another.
 */
import { CofferError } from '../../../contract/errors.ts'
import { digestBytes } from '../../../contract/vault-limits.ts'
import { reach } from './reach.ts'

export interface VaultAddress {
  /** The one spelling that headers carry: `https://host[:port]`, lower case, without the port that goes without saying. */
  origin: string
  /** Host and port, for people. Names in other scripts are shown in their plain (xn--) form. */
  host: string
  /** SHA-256 of the vault's identity, where the address came with it. */
  fingerprint: Buffer | undefined
}

/** No host name has more; it bounds what is shown and kept. */
const maxLength = 400
const shape = /^(https?):\/\/([^/?#@\\\s%]+)\/?(?:#([A-Za-z0-9_-]*))?$/i

/** Errors: vault_address with a `reason` in words. */
export function parseVaultAddress(text: string): VaultAddress {
  const wrong = (reason: string) => new CofferError('vault_address', { reason })
  if (text.length > maxLength) throw wrong('It is far too long.')
  const match = shape.exec(text)
  if (!match) throw wrong('It has to be https://host or https://host:port, and nothing else but a #fingerprint.')
  const url = URL.parse(`${match[1] ?? ''}://${match[2] ?? ''}`)
  if (!url || url.username !== '' || url.password !== '' || url.port === '0') throw wrong('This host does not exist.')
  if (url.hostname.endsWith('.')) throw wrong('The host ends with a dot.')
  // A password's first message is blinded, and everything is signed; but whoever reads along could spend the guesses.
  if (url.protocol === 'http:' && reach(url.hostname) !== 'loopback')
    throw wrong('Without encryption (http) only a vault on this very computer is asked. Use https.')
  return { origin: url.origin, host: url.host, fingerprint: parseFingerprint(match[3], wrong) }
}

/** What a header or manifest says: an origin in its one spelling and nothing more. Errors: vault_address. */
export function parseOrigin(text: string): VaultAddress {
  const address = parseVaultAddress(text)
  if (address.origin !== text)
    throw new CofferError('vault_address', { reason: 'The archive spells the vault’s address in an odd way.' })
  return address
}

/** A fingerprint as people pass it on: 43 characters. */
export function showFingerprint(fingerprint: Uint8Array): string {
  return Buffer.from(fingerprint).toString('base64url')
}

function parseFingerprint(text: string | undefined, wrong: (reason: string) => CofferError): Buffer | undefined {
  if (text === undefined) return undefined
  const bytes = Buffer.from(text, 'base64url')
  // The last of 43 characters has bits to spare: one spelling only.
  if (bytes.length !== digestBytes || bytes.toString('base64url') !== text)
    throw wrong('The fingerprint behind # has to have 43 characters; some are missing or wrong.')
  return bytes
}
