/**
 * The key of WhatsApp's end-to-end encrypted backups: 64 digits like Coffer's own, or the file
 * `encrypted_backup.key` from the phone, which is a Java byte array as Java's serialisation writes it.
 */
import { hkdfSync } from 'node:crypto'
import { CofferError } from '../../../contract/errors.ts'
import { readPrivateFile } from '../keys/private-file.ts'
import { holdSecret, lockedBuffer, type Secret, secretBytes, wipe, withSecret } from '../keys/secret.ts'
import { readKey } from '../keys/sixty-four-digits.ts'

/**
 * Java Object Serialization Stream Protocol, section 6.4: magic and version, TC_ARRAY, TC_CLASSDESC, the name "[B",
 * its serialVersionUID, SC_SERIALIZABLE, no fields, TC_ENDBLOCKDATA, TC_NULL. Then come the array's length (4 bytes)
 * and its bytes.
 */
const javaBytes = Buffer.from('aced00057572' + '00025b42' + 'acf317f8060854e0' + '02' + '0000' + '78' + '70', 'hex')

/** The array's length in the key file of the older crypt14, which holds other things than a root key. */
const crypt14Length = 131

/** Reads a key from a file: `encrypted_backup.key`, or text with the 64 digits. Gives key_malformed, file_failed. */
export async function readCrypt15KeyFile(path: string): Promise<Secret> {
  const { bytes } = await readPrivateFile(path)
  try {
    return readCrypt15Key(bytes)
  } finally {
    wipe(bytes)
  }
}

/** The same from the file's content. Gives key_malformed with `fault` and `reason`. */
export function readCrypt15Key(content: Uint8Array): Secret {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  // 0xAC begins no text: what starts so is Java's or nothing.
  if (bytes[0] !== javaBytes[0]) return readKey(bytes.toString('utf8')).key
  const start = javaBytes.length + 4
  if (bytes.length < start || !bytes.subarray(0, javaBytes.length).equals(javaBytes))
    throw malformed('key_file', 'This is not WhatsApp’s encrypted_backup.key.')
  const length = bytes.readUInt32BE(javaBytes.length)
  if (length === crypt14Length)
    throw malformed(
      'crypt14_key',
      'This is the key of WhatsApp’s older backups (crypt14). Give encrypted_backup.key or the 64 digits.',
    )
  if (length !== secretBytes || bytes.length !== start + length)
    throw malformed('key_file', 'This encrypted_backup.key is damaged or cut off.')
  // Copied, since holdSecret takes over what it is given.
  const root = lockedBuffer(secretBytes)
  root.set(bytes.subarray(start))
  return holdSecret(root)
}

/** Lends the AES key of a file (32 bytes), which is derived from the root key, and wipes it afterwards. */
export function withFileKey<T>(root: Secret, use: (key: Buffer) => T): T {
  return withSecret(root, (ikm) => {
    const key = Buffer.from(hkdfSync('sha256', ikm, Buffer.alloc(32), 'backup encryption', 32))
    try {
      return use(key)
    } finally {
      wipe(key)
    }
  })
}

function malformed(fault: string, reason: string): CofferError {
  return new CofferError('key_malformed', { fault, reason })
}
