/** Taking the password away from an archive: from then on only the 64-digit key opens it. */
import { CofferError, type Warning } from '../../../../contract/errors.ts'
import type { Secret } from '../../keys/secret.ts'
import { parseOrigin } from '../../vault/address.ts'
import { openLink } from '../../vault/link.ts'
import type { Network } from '../../vault/request.ts'
import { openOwner } from '../../vault/owner.ts'
import { deleteRecord, readRecord } from '../../vault/record.ts'
import { changeHeader } from '../change-header.ts'
import type { Session } from '../session.ts'
import { knownVault } from './memory.ts'
import { keep, takeIn } from './told.ts'

/**
 * Deletes the record first and then its name in the header: the other way round a vault that fails would leave a
 * password that works and that nobody knows of. Run again after any failure it goes on where it stopped.
 * Errors: no_password, vault_*, record_changed, object_exists, destination_*.
 */
export async function removePassword(
  session: Session,
  it: { key: Secret; network: Network; signal: AbortSignal },
): Promise<{ warnings: Warning[] }> {
  const { vault } = session.header
  if (!vault) throw new CofferError('no_password')
  const { network, signal } = it
  const address = parseOrigin(vault.address)
  const link = await openLink({
    network,
    now: session.now,
    address,
    fingerprint: vault.fingerprint,
    near: true,
    signal,
  })
  const owner = openOwner(it.key)
  try {
    const whose = {
      home: session.home,
      archive: session.archive,
      vault: knownVault(vault),
      headerNumber: session.header.number,
    }
    const { statement, receipts } = await readRecord(link, owner)
    const warnings = takeIn(whose, { statement, receipts })
    if (statement.state === 'active' || statement.state === 'exhausted')
      warnings.push(...keep(whose, { statement: await deleteRecord(link, owner, statement.generation) }))
    await changeHeader(session, null)
    return { warnings }
  } finally {
    owner.close()
  }
}
