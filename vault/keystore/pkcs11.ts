/** The hardware keystore. Not built yet: the next commit's. */
import { type Keystore, KeystoreWrong } from './keystore.ts'

export interface Pkcs11Spec {
  kind: 'pkcs11'
  /** The library of the token's maker, such as /usr/lib/softhsm/libsofthsm2.so. */
  module: string
  tokenLabel: string
  /** The user's PIN. From a file or the environment, never from an argument, which every process can read. */
  pin: string
  /** What the labels of this vault's objects in the token begin with. */
  keyLabel: string
}

export async function createPkcs11(_spec: Pkcs11Spec): Promise<void> {
  throw new KeystoreWrong('Hardware keystores are not built yet.')
}

export async function openPkcs11(_spec: Pkcs11Spec, _nodeName: string, _expected?: Uint8Array): Promise<Keystore> {
  throw new KeystoreWrong('Hardware keystores are not built yet.')
}
