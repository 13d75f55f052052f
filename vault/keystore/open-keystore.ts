/** The kinds of keystores: one line for each. */
import { createPkcs11, openPkcs11, type Pkcs11Spec } from './pkcs11.ts'
import { type Keystore, KeystoreWrong } from './keystore.ts'
import { createSoftware, openSoftware, type SoftwareSpec } from './software.ts'

export type KeystoreSpec = SoftwareSpec | Pkcs11Spec

/**
 * Makes a vault's identity and the seal key of epoch 1, and opens it as `openKeystore` does. KeystoreWrong if there
 * is an identity already: a vault's keys are never replaced.
 */
export async function createKeystore(spec: KeystoreSpec, nodeName: string): Promise<Keystore> {
  refuseOddNames(spec, nodeName)
  await (spec.kind === 'software' ? createSoftware(spec) : createPkcs11(spec))
  return openKeystore(spec, nodeName)
}

/**
 * Opens a vault's keys for one node, whose name (letters, digits, `.`, `_`, `-`) its anchor goes by. KeystoreWrong if
 * they are not what they must be, or not those of the expected fingerprint (SHA-256 of the SPKI);
 * KeystoreUnavailable if they cannot be reached now.
 */
export async function openKeystore(
  spec: KeystoreSpec,
  nodeName: string,
  expectedFingerprint?: Uint8Array,
): Promise<Keystore> {
  refuseOddNames(spec, nodeName)
  return spec.kind === 'software'
    ? openSoftware(spec, nodeName, expectedFingerprint)
    : openPkcs11(spec, nodeName, expectedFingerprint)
}

/** They become parts of a file's name and of token objects' labels, where a slash separates them. */
function refuseOddNames(spec: KeystoreSpec, nodeName: string): void {
  for (const name of spec.kind === 'pkcs11' ? [nodeName, spec.keyLabel] : [nodeName])
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name))
      throw new KeystoreWrong(
        `“${name}” cannot be the name of a node or a label of keys: up to 63 letters, digits, dots, hyphens and underscores.`,
      )
}
