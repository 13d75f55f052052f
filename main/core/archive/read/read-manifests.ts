/** The snapshots of an archive as its destination shows them. */
import { CofferError } from '../../../../contract/errors.ts'
import { Malformed } from '../format/bytes.ts'
import type { ArchiveContext } from '../context.ts'
import type { Manifest } from '../format/manifest.ts'
import { type ManifestName, manifestName, parseManifestName } from '../format/names.ts'
import { maxManifestObject, openManifest } from '../format/sealed-manifest.ts'

/** A manifest's name with the size of its object. */
export interface ListedManifest extends ManifestName {
  object: string
  size: number
}

/** All manifests that are listed, every revision, oldest first. Names that are none are given to `onStray`. */
export async function listManifests(
  context: Pick<ArchiveContext, 'destination'>,
  onStray?: (name: string) => void,
): Promise<ListedManifest[]> {
  const found: ListedManifest[] = []
  for await (const { name, size } of context.destination.list('snapshots')) {
    const parsed = parseManifestName(name)
    if (parsed) found.push({ ...parsed, object: name, size })
    else onStray?.(name)
  }
  return found.sort((a, b) => a.seq - b.seq || compareText(a.snapshot, b.snapshot) || a.revision - b.revision)
}

/** Fetches and opens one manifest. manifest_missing or manifest_altered name it. */
export async function readManifest(context: ArchiveContext, name: ManifestName): Promise<Manifest> {
  const object = manifestName(name)
  const bytes = await context.destination.get(object, { offset: 0, length: maxManifestObject + 1 })
  if (!bytes) throw new CofferError('manifest_missing', { object })
  try {
    return openManifest(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      name,
      context.archive,
      context.keys,
    )
  } catch (error) {
    if (error instanceof Malformed) throw new CofferError('manifest_altered', { object, reason: error.message })
    throw error
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
