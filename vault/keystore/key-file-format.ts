/**
 * What a key file says, and how it is spelled. All numbers are big-endian:
 *
 *     "coffer vault keystore 1\n"
 *     u16, the identity's private key         PKCS #8 as DER
 *     32                                      what the keys of the anchors’ MACs come from
 *     u16, then for each epoch u32 and 32     its number and seal key, numbers rising
 *     32                                      SHA-256 of all before: tells damage, not forgery
 *
 * Not JSON: text would leave copies of the keys on V8's heap, which nobody can wipe.
 */
import { type KeyObject, createHash, createPrivateKey, createPublicKey } from 'node:crypto'
import { KeystoreWrong } from './keystore.ts'
import { lockedBytes } from './secret-bytes.ts'

const head = Buffer.from('coffer vault keystore 1\n')
const keyBytes = 32

/** The bytes are locked memory; whoever holds them wipes them. */
export interface KeyFile {
  identity: Buffer
  anchorKey: Buffer
  seals: ReadonlyMap<number, Buffer>
}

/** The file's bytes; the caller wipes them. */
export function writeKeyFile({ identity, anchorKey, seals }: KeyFile): Buffer {
  const size = head.length + 2 + identity.length + keyBytes + 2 + seals.size * (4 + keyBytes) + keyBytes
  const bytes = lockedBytes(size)
  let at = head.copy(bytes)
  at = bytes.writeUInt16BE(identity.length, at)
  at += identity.copy(bytes, at)
  at += anchorKey.copy(bytes, at)
  at = bytes.writeUInt16BE(seals.size, at)
  for (const [epoch, key] of [...seals].sort(([a], [b]) => a - b)) {
    at = bytes.writeUInt32BE(epoch, at)
    at += key.copy(bytes, at)
  }
  createHash('sha256').update(bytes.subarray(0, at)).digest().copy(bytes, at)
  return bytes
}

/** KeystoreWrong, naming `path`, if these are not the bytes of a key file, whole and undamaged. */
export function readKeyFile(bytes: Buffer, path: string): KeyFile {
  if (!bytes.subarray(0, head.length).equals(head)) throw new KeystoreWrong(`${path} is not a vault's key file.`)
  const end = bytes.length - keyBytes
  const sum = createHash('sha256')
    .update(bytes.subarray(0, Math.max(end, 0)))
    .digest()
  if (end < head.length || !bytes.subarray(end).equals(sum))
    throw new KeystoreWrong(`The key file ${path} is damaged or was cut short. Put its backup in its place.`)
  try {
    return readParts(bytes.subarray(head.length, end))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new KeystoreWrong(`The key file ${path} does not say what a key file says.`)
  }
}

/** RangeError where it ends too early, goes on too long or has numbers that cannot be. */
function readParts(bytes: Buffer): KeyFile {
  let at = 0
  const number = (size: 2 | 4) => bytes.readUIntBE((at += size) - size, size)
  const secret = (size: number) => {
    if (at + size > bytes.length) throw new RangeError('too short')
    const copy = lockedBytes(size)
    bytes.copy(copy, 0, at, (at += size))
    return copy
  }
  const identity = secret(number(2))
  const anchorKey = secret(keyBytes)
  const seals = new Map<number, Buffer>()
  let last = 0
  for (let left = number(2); left > 0; left--) {
    const epoch = number(4)
    if (epoch <= last) throw new RangeError('epochs rise')
    seals.set((last = epoch), secret(keyBytes))
  }
  if (at !== bytes.length) throw new RangeError('too long')
  return { identity, anchorKey, seals }
}

/** The identity, ready for signing, and its public half as SPKI. KeystoreWrong unless it is a P-256 key. */
export function readIdentity(der: Buffer, path: string): { key: KeyObject; spki: Buffer } {
  try {
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return { key, spki }
  } catch {
    // OpenSSL's reason names nothing that a person could look at.
  }
  throw new KeystoreWrong(`The identity in the key file ${path} is not a P-256 key.`)
}
