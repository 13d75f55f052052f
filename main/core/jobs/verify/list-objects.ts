/** What lies in an archive, and what does not belong there. */
import { CofferError } from '../../../../contract/errors.ts'
import {
  headerName,
  type PackId,
  packName,
  parseManifestName,
  parsePackName,
  previousHeaderName,
} from '../../archive/format/names.ts'
import type { ListedManifest } from '../../archive/read/read-manifests.ts'
import { systemLeftovers } from '../../destinations/registry.ts'
import type { Destination } from '../../destinations/destination.ts'
import type { Faults } from './faults.ts'

/** More than anyone has (16 TB of packs); what claims to have more is not listed to its end. */
const mostObjects = 1_000_000

export interface Listing {
  /** Sizes of the headers that are there. */
  headers: Map<string, number>
  packs: Map<PackId, number>
  /** Oldest first, revisions ascending. */
  manifests: ListedManifest[]
}

/** Lists everything; strangers are faults (unknown_object). */
export async function listObjects(destination: Destination, faults: Faults): Promise<Listing> {
  const listing: Listing = { headers: new Map(), packs: new Map(), manifests: [] }
  let count = 0
  for (const folder of ['', 'packs', 'snapshots', 'locks'] as const)
    for await (const { name, size } of destination.list(folder)) {
      if (++count > mostObjects)
        throw new CofferError('destination_failed', { reason: `more than ${mostObjects} objects` })
      const pack = parsePackName(name)
      const manifest = parseManifestName(name)
      if (name === headerName || name === previousHeaderName) listing.headers.set(name, size)
      else if (pack) listing.packs.set(pack, size)
      else if (manifest) listing.manifests.push({ ...manifest, object: name, size })
      // What a lock says is advice, and so is its presence; an operating system's droppings mean nothing.
      else if (
        !(folder === 'locks' && /^locks\/[0-9a-f]{1,64}$/.test(name)) &&
        !(folder === '' && systemLeftovers.has(name))
      )
        faults.add('unknown_object', name, { bytes: size })
    }
  listing.manifests.sort(
    (a, b) =>
      a.seq - b.seq || (a.snapshot < b.snapshot ? -1 : a.snapshot > b.snapshot ? 1 : 0) || a.revision - b.revision,
  )
  return listing
}

/** Checks that a pack which a table names is there with the size that the table tells. */
export function checkPresence(listing: Listing, pack: { id: PackId; size: number }, faults: Faults): boolean {
  const size = listing.packs.get(pack.id)
  if (size === undefined) faults.add('pack_missing', packName(pack.id))
  else if (size !== pack.size) faults.add('pack_truncated', packName(pack.id), { bytes: size, expected: pack.size })
  return size === pack.size
}
