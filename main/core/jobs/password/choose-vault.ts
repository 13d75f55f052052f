/**
 * Which vault a new password is set at: one that the person names in this act, or the one that sealed state names.
 * Never one that only the header names, which somebody could have put back from an older day, or from a day when the
 * archive was at another vault.
 */
import { CofferError } from '../../../../contract/errors.ts'
import type { Manifest } from '../../archive/format/manifest.ts'
import { parseOrigin, type VaultAddress } from '../../vault/address.ts'
import { readMemory } from '../memory.ts'
import type { Session } from '../session.ts'
import { type KnownVault, knownVault, readVaultMemory } from './memory.ts'

export interface ChosenVault {
  address: VaultAddress
  /** Who it has to be; undefined trusts whoever answers there, and the person is shown who that is. */
  fingerprint: Buffer | undefined
}

/**
 * `newest` is the newest manifest, if there is one. A fingerprint that comes with the address is the person's own word;
 * without one, a vault known by this address has to be who it was. Errors: usage where there is no vault yet and none is
 * named; vault_not_confirmed where only the header names it.
 */
export function chooseVault(
  session: Session,
  newest: Manifest | undefined,
  named: VaultAddress | undefined,
): ChosenVault {
  const { header } = session
  const inHeader = header.vault && knownVault(header.vault)
  if (named) {
    const known = [inHeader, newest?.header.vault, readVaultMemory(session.home, session.archive).vault]
    const same = known.find((it) => it?.address === named.origin)
    return {
      address: named,
      fingerprint: named.fingerprint ?? (same ? Buffer.from(same.fingerprint, 'hex') : undefined),
    }
  }
  if (!inHeader) throw new CofferError('usage', { reason: 'This archive has no vault yet: name one with --vault.' })
  if (!isSealed(session, newest, inHeader))
    throw new CofferError('vault_not_confirmed', {
      vault: inHeader.address,
      reason: 'Neither a backup nor this computer confirms that it is the archive’s vault.',
    })
  return { address: parseOrigin(inHeader.address), fingerprint: Buffer.from(inHeader.fingerprint, 'hex') }
}

/** The newest manifest, or what this computer remembers, names this vault, and neither knows a later header. */
function isSealed(session: Session, newest: Manifest | undefined, vault: KnownVault): boolean {
  const { number } = session.header
  const memory = readVaultMemory(session.home, session.archive)
  if (number < Math.max(newest?.header.number ?? 0, readMemory(session.home, session.archive).headerNumber))
    return false
  if (newest && isSame(newest.header.vault, vault)) return true
  return memory.headerNumber === number && isSame(memory.vault, vault)
}

function isSame(a: KnownVault | null, b: KnownVault): boolean {
  return a !== null && a.address === b.address && a.fingerprint === b.fingerprint && a.record === b.record
}
