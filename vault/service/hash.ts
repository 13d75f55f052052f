/** The vault's one hash: BLAKE2b-256 (libsodium), with a key or without. */
import sodium from 'sodium-native'

export function hash(input: Uint8Array, key?: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(32)
  if (key) sodium.crypto_generichash(out, view(input), view(key))
  else sodium.crypto_generichash(out, view(input))
  return out
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
