/** Vaults as people are told of them. */
import type { ShownVault } from '../core/jobs/password/set.ts'
import { showFingerprint } from '../core/vault/address.ts'
import { printable } from './words.ts'

/** `https://vault.example.org (software vault: a file on this machine)` */
export function vaultWords({ address, keystore, model }: ShownVault): string {
  return `${printable(address)} (${keystore} vault${model === '' ? '' : `: ${printable(model)}`})`
}

export function vaultJson({ address, fingerprint, keystore, model, firstUse }: ShownVault): Record<string, unknown> {
  return { address, fingerprint: showFingerprint(fingerprint), keystore, model, firstUse }
}

/** Said before a password is used at a vault: who it is, and whether anybody has said who it has to be. */
export function introduce(vault: ShownVault, note: (text: string) => void): void {
  note(`The vault is ${vaultWords(vault)}.`)
  if (!vault.firstUse) return
  note(
    `Nobody has told this computer who it has to be. Its fingerprint is ${showFingerprint(vault.fingerprint)}: compare it with what its operator says.`,
  )
}

/** What others know of a person, which makes no good password. */
export function knownOf(userName: string, vaultHost: string | undefined): string[] {
  return [userName, 'coffer', ...(vaultHost === undefined ? [] : [vaultHost])].filter((it) => it !== '')
}
