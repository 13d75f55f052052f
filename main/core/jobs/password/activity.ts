/** What has happened to the record of an archive at its vault: who tried passwords, and when. */
import { CofferError, type Warning } from '../../../../contract/errors.ts'
import type { Receipt, Statement } from '../../../../contract/vault.ts'
import { parseOrigin } from '../../vault/address.ts'
import { openLink } from '../../vault/link.ts'
import { readRecord } from '../../vault/record.ts'
import type { Session } from '../session.ts'
import { knownVault } from './memory.ts'
import { type ShownVault, showVault } from './set.ts'
import { takeIn } from './told.ts'

export interface Activity {
  vault: ShownVault
  statement: Statement
  /** The latest, oldest first; checked. */
  receipts: readonly Receipt[]
  /** vault_rolled_back and what the session found. */
  warnings: Warning[]
}

/** Errors: no_password, vault_*. */
export async function readActivity(session: Session, signal: AbortSignal): Promise<Activity> {
  const { owner, network, header } = session
  if (!header.vault || !owner) throw new CofferError('no_password')
  if (!network) throw new Error('an activity needs a network')
  const { fingerprint } = header.vault
  const address = parseOrigin(header.vault.address)
  const link = await openLink({ network, now: session.now, address, fingerprint, near: true, signal })
  const vault = knownVault(header.vault)
  const told = await readRecord(link, owner)
  const whose = { home: session.home, archive: session.archive, vault, headerNumber: header.number }
  // All tries are in the answer: none of them has to be a warning as well.
  const warnings = takeIn(whose, told).filter(({ code }) => code !== 'passwords_tried')
  return { vault: showVault(link, { firstUse: false }), ...told, warnings: [...session.warnings, ...warnings] }
}
