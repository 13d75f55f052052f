/**
 * The software keystore: keys in a file on this machine, AES and ECDSA by Node's OpenSSL. Whoever copies the file and
 * the database can guess passwords without the vault counting; people are told (“software vault”).
 *
 * The seal keys are held in locked memory. The identity is a key object of OpenSSL's, which may be swapped like the
 * rest of the process.
 */
import { createCipheriv, createDecipheriv, generateKeyPairSync, randomFillSync, sign } from 'node:crypto'
import { openAnchorFile } from './anchor-file.ts'
import { missingEpoch, refuseOtherVault } from './identity.ts'
import { readIdentity } from './key-file-format.ts'
import {
  changeKeyFile,
  createKeyFile,
  keyFileVersion,
  loadKeyFile,
  type ReadFile,
  tidyKeyFile,
  wipeKeyFile,
} from './key-file.ts'
import { rawSignature } from './raw-signature.ts'
import { type Keystore, KeystoreUnavailable, SealRefused } from './keystore.ts'
import { nonceBytes, nonces } from './nonces.ts'
import { lockedBytes, wipe } from './secret-bytes.ts'

const tagBytes = 16

export interface SoftwareSpec {
  kind: 'software'
  /** The key file: mode 0600. */
  file: string
  /** Where the anchors of this machine's nodes lie; there already. Not in the same backup as the database. */
  anchorFolder: string
}

/** Makes the key file with an identity and the seal key of epoch 1. KeystoreWrong if there is one. */
export async function createSoftware({ file }: SoftwareSpec): Promise<void> {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const der = pair.privateKey.export({ format: 'der', type: 'pkcs8' })
  const identity = lockedBytes(der.length)
  der.copy(identity)
  wipe(der)
  const content = { identity, anchorKey: newKey(), seals: new Map([[1, newKey()]]) }
  try {
    await createKeyFile(file, content)
  } finally {
    wipeKeyFile(content)
  }
}

/** `expected`: the fingerprint the identity must have. */
export async function openSoftware(spec: SoftwareSpec, nodeName: string, expected?: Uint8Array): Promise<Keystore> {
  await tidyKeyFile(spec.file)
  let current: ReadFile = await loadKeyFile(spec.file)
  const { key, spki } = readIdentity(current.content.identity, spec.file)
  refuseOtherVault(spki, expected)
  const anchors = await openAnchorFile(spec.anchorFolder, nodeName, current.content.anchorKey)
  const nonce = nonces()
  let closed = false

  /** Another process (`coffer-vault rotate-seal-key`) may have changed the file: what it says counts. */
  async function refresh(): Promise<void> {
    refuseClosed()
    if ((await keyFileVersion(spec.file)) === current.version) return
    const read = await loadKeyFile(spec.file)
    const other = readIdentity(read.content.identity, spec.file).spki
    if (closed || !other.equals(spki)) {
      wipeKeyFile(read.content)
      refuseClosed()
      throw new KeystoreUnavailable(`The key file ${spec.file} is another vault's now.`)
    }
    wipeKeyFile(current.content)
    current = read
  }

  /**
   * Gives the key to `use`, which must be done with it when it returns. Keys are always taken out of `current` in the
   * same turn in which they are used: whatever is no longer current is wiped, and nothing may be sealed under zeros.
   */
  async function withKey<T>(epoch: number, use: (key: Buffer) => T): Promise<T> {
    refuseClosed()
    if (!current.content.seals.has(epoch)) await refresh()
    refuseClosed()
    const key = current.content.seals.get(epoch)
    if (key) return use(key)
    throw missingEpoch(epoch, [...current.content.seals.keys()])
  }

  function refuseClosed(): void {
    if (closed) throw new KeystoreUnavailable('The keystore was closed.')
  }

  return {
    kind: 'software',
    model: 'a key file on this machine',
    identity: spki,
    async sign(bytes) {
      refuseClosed()
      // Asking Node for r || s itself takes twice as long (50 µs instead of 24): it looks at the key in another way.
      return rawSignature(sign('sha256', bytes, key))
    },
    async epochs() {
      await refresh()
      return [...current.content.seals.keys()]
    },
    seal: (epoch, plain, bound) =>
      withKey(epoch, (key) => {
        const iv = nonce()
        const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(bound)
        return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
      }),
    open: (epoch, sealed, bound) => withKey(epoch, (key) => unseal(key, sealed, bound)),
    async addEpoch() {
      let epoch = 0
      const fresh = newKey()
      try {
        await changeKeyFile(spec.file, (content) => {
          epoch = Math.max(0, ...content.seals.keys()) + 1
          return { ...content, seals: new Map([...content.seals, [epoch, fresh]]) }
        })
      } finally {
        wipe(fresh)
      }
      await refresh()
      return epoch
    },
    async destroyEpoch(epoch) {
      await changeKeyFile(spec.file, (content) => {
        if (!content.seals.has(epoch)) return undefined
        return { ...content, seals: new Map([...content.seals].filter(([number]) => number !== epoch)) }
      })
      await refresh()
    },
    async readAnchor() {
      refuseClosed()
      return anchors.read()
    },
    async writeAnchor(anchor) {
      refuseClosed()
      await anchors.write(anchor)
    },
    async ready() {
      await refresh()
      await anchors.read()
    },
    async close() {
      if (closed) return
      closed = true
      await anchors.close()
      wipeKeyFile(current.content)
    },
  }
}

function unseal(key: Buffer, sealed: Uint8Array, bound: Uint8Array): Buffer {
  if (sealed.length < nonceBytes + tagBytes) throw new SealRefused('too short to be sealed')
  const end = sealed.length - tagBytes
  const cipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
  cipher.setAAD(bound).setAuthTag(sealed.subarray(end))
  const plain = cipher.update(sealed.subarray(nonceBytes, end))
  try {
    cipher.final()
  } catch {
    wipe(plain)
    throw new SealRefused('the seal does not fit')
  }
  return plain
}

function newKey(): Buffer {
  return randomFillSync(lockedBytes(32))
}
