/** Making a new, empty archive in a destination. */
import { CofferError } from '../../../contract/errors.ts'
import { encodeHeader, type VaultReference } from '../archive/format/header.ts'
import { keyCheck } from '../archive/format/hashes.ts'
import { type ArchiveId, headerName, idBytes, newArchiveId, previousHeaderName } from '../archive/format/names.ts'
import type { Destination } from '../destinations/destination.ts'
import { type Secret, withSecret } from '../keys/secret.ts'
import { deriveKeys, wipeKeys } from '../keys/subkeys.ts'

/**
 * Writes the header of a new archive and its second copy. Errors: archive_exists, destination_*.
 * The destination must be empty of Coffer's objects; that other files lie there is the caller's question.
 * `vault` names the record that holds the key already: a header never claims a protection that is not there.
 */
export async function createArchive({
  destination,
  secret,
  vault = null,
}: {
  destination: Destination
  secret: Secret
  vault?: VaultReference | null
}): Promise<{ archiveId: ArchiveId; keyCheck: string }> {
  await requireNoArchive(destination)
  const keys = withSecret(secret, (key) => deriveKeys(key))
  try {
    const archive = newArchiveId()
    const check = keyCheck(keys, idBytes(archive))
    const bytes = encodeHeader({ number: 1, archive, keyCheck: check, vault }, keys)
    // The copy first: an archive exists from the moment that coffer.json does, and then already has its copy.
    await destination.put(previousHeaderName, bytes)
    await destination.replace(headerName, bytes, undefined)
    return { archiveId: archive, keyCheck: check.toString('hex') }
  } finally {
    wipeKeys(keys)
  }
}

/** Errors: archive_exists, destination_*. */
export async function requireNoArchive(destination: Destination): Promise<void> {
  for (const folder of ['', 'snapshots', 'packs'] as const)
    for await (const object of destination.list(folder))
      if (folder !== '' || object.name === headerName || object.name === previousHeaderName)
        throw new CofferError('archive_exists', { place: destination.label, object: object.name })
}
