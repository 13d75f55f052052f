/** The wrapped key on its way out: sealed once more, for the one who has just proved the password. */
import sodium from 'sodium-native'
import { release as releaseBinding, releaseKey } from '../../contract/vault-preimages.ts'
import { hash } from './hash.ts'

/** Nonce and XChaCha20-Poly1305 under a key of the session's, which a relay does not have. */
export function sealRelease(it: {
  rid: Buffer
  generation: number
  /** Digest of the login's first message. */
  message: Buffer
  sessionKey: Buffer
  wrapped: Buffer
}): Buffer {
  const key = hash(releaseKey(it.rid, it.generation), it.sessionKey)
  const nonce = Buffer.allocUnsafe(24)
  sodium.randombytes_buf(nonce)
  const sealed = Buffer.allocUnsafe(it.wrapped.length + 16)
  sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    sealed,
    it.wrapped,
    Buffer.from(releaseBinding(it)),
    null,
    nonce,
    key,
  )
  return Buffer.concat([nonce, sealed])
}
