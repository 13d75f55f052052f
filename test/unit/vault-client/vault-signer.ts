/** Who a vault is, in tests: a P-256 key, and everything signed with it. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import type { Receipt } from '../../../contract/vault.ts'
import * as preimages from '../../../contract/vault-preimages.ts'

export class VaultSigner {
  readonly #key = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  readonly spki = this.#key.publicKey.export({ format: 'der', type: 'spki' })
  readonly fingerprint = createHash('sha256').update(this.spki).digest()

  sign(bytes: Uint8Array): string {
    return sign('sha256', bytes, { key: this.#key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
  }

  receipt(said: Omit<Receipt, 'signature'>): Receipt {
    return { ...said, signature: this.sign(preimages.receipt(said)) }
  }

  signRegistration(said: Parameters<typeof preimages.registration>[0]): string {
    return this.sign(preimages.registration(said))
  }
}
