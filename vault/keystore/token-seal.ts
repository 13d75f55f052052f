/**
 * In the token's process: sealing, opening and signing. A sealed value is
 *
 *     u8, the nonce's length; the nonce; ciphertext and tag (16)
 */
import { KeystoreWrong, SealRefused } from './keystore.ts'
import { MissingKey } from './token-call.ts'
import { identity, sealKey } from './token-keys.ts'
import type { Session, Sessions } from './token-session.ts'

const tagBytes = 16
/** What tokens that choose their own nonces make, and what we propose. */
const nonceLengths = [12, 16]

/**
 * AES-256-GCM. Tokens that are certified not to trust their callers choose the nonce themselves. They write it where
 * ours stood, or append it to the result; whichever it was, the nonce that was used goes into the sealed value.
 */
export function seal(session: Session, epoch: number, proposed: Buffer, plain: Buffer, bound: Buffer): Buffer {
  const { token, handle } = session
  const nonce = Buffer.from(proposed)
  // A byte before the text: some tokens refuse to encrypt nothing.
  const text = Buffer.concat([Buffer.of(1), plain])
  token.C_EncryptInit(handle, gcm(session, nonce, bound), sealKey(session, epoch))
  const out = token.C_Encrypt(handle, text, Buffer.alloc(text.length + tagBytes + Math.max(...nonceLengths)))
  text.fill(0)
  const appended = out.length - text.length - tagBytes
  if (appended === 0) return Buffer.concat([Buffer.of(nonce.length), nonce, out])
  if (!nonceLengths.includes(appended))
    throw new KeystoreWrong(`The token's AES-GCM gives ${appended} bytes more than text and tag.`)
  const end = out.length - appended
  return Buffer.concat([Buffer.of(appended), out.subarray(end), out.subarray(0, end)])
}

/** A value known to have been sealed under the epoch's key. */
export interface Canary {
  sealed: Buffer
  bound: Buffer
}

/**
 * SealRefused if the seal does not fit. Some tokens say the same for a seal that does not fit and for a token or a
 * session that is gone: so the bytes are found at fault only when, in fresh sessions, a known seal opens before and
 * after them. Otherwise the token's own error comes out.
 */
export function open(sessions: Sessions, epoch: number, sealed: Buffer, bound: Buffer, canary: Canary): Buffer {
  const unseal = (bytes: Buffer, purpose: Buffer) => sessions.use((session) => openOnce(session, epoch, bytes, purpose))
  const check = () => unseal(canary.sealed, canary.bound)
  for (let tries = 2; tries > 0; tries--) {
    try {
      return unseal(sealed, bound)
    } catch (error) {
      if (error instanceof SealRefused || error instanceof MissingKey) throw error
      check()
    }
  }
  throw new SealRefused('the seal does not fit')
}

/** SealRefused only for what cannot have been sealed. */
function openOnce(session: Session, epoch: number, sealed: Buffer, bound: Buffer): Buffer {
  const { token, handle } = session
  const key = sealKey(session, epoch)
  const length = sealed[0] ?? 0
  const body = sealed.subarray(1 + length)
  if (!nonceLengths.includes(length) || body.length < 1 + tagBytes) throw new SealRefused('too short to be sealed')
  token.C_DecryptInit(handle, gcm(session, Buffer.from(sealed.subarray(1, 1 + length)), bound), key)
  const text = token.C_Decrypt(handle, body, Buffer.alloc(body.length))
  if (text.length !== body.length - tagBytes || text[0] !== 1) throw new SealRefused('not a sealed value')
  return text.subarray(1)
}

/** ECDSA over a SHA-256 digest: r || s, which is what PKCS#11 gives. */
export function sign(session: Session, digest: Buffer): Buffer {
  const { token, is, handle } = session
  token.C_SignInit(handle, { mechanism: is.CKM_ECDSA }, identity(session).key)
  const signature = token.C_Sign(handle, digest, Buffer.alloc(128))
  if (signature.length !== 64) throw new KeystoreWrong(`The token's signatures have ${signature.length} bytes, not 64.`)
  return signature
}

function gcm({ is }: Session, iv: Buffer, aad: Buffer) {
  const parameter = { type: is.CK_PARAMS_AES_GCM_v240, iv, ivBits: iv.length * 8, aad, tagBits: tagBytes * 8 }
  return { mechanism: is.CKM_AES_GCM, parameter }
}
