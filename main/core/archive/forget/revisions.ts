/** Next revisions of manifests: a snapshot stays what it is, only where its bytes lie changes. */
import { CofferError } from '../../../../contract/errors.ts'
import type { ArchiveContext } from '../context.ts'
import type { Manifest } from '../format/manifest.ts'
import { manifestName } from '../format/names.ts'
import { type ListedManifest, listManifests } from '../read/read-manifests.ts'
import { sealManifest } from '../format/sealed-manifest.ts'
import type { KeptSnapshot } from './decide.ts'

export class Revisions {
  private readonly context: ArchiveContext
  private readonly put: string[] = []
  /** Bytes of the manifests written, and how many they are. */
  readonly written = { objects: 0, bytes: 0 }

  constructor(context: ArchiveContext) {
    this.context = context
  }

  /** Puts a snapshot's next revision; from then on it is the snapshot's manifest. */
  async next(kept: KeptSnapshot, changes: Partial<Pick<Manifest, 'databases' | 'files' | 'forgotten'>>): Promise<void> {
    // Above all that are listed, those that do not open included.
    const revision = Math.max(...kept.listed.map((it) => it.revision)) + 1
    const manifest: Manifest = { ...kept.manifest, ...changes, revision }
    const object = manifestName(manifest)
    const bytes = sealManifest(manifest, this.context.keys)
    await this.context.destination.put(object, bytes)
    kept.manifest = manifest
    const { seq, snapshot } = manifest
    kept.listed.push({ seq, snapshot, revision, object, size: bytes.length })
    this.put.push(object)
    this.written.objects++
    this.written.bytes += bytes.length
  }

  /** Sees that all that was put is listed: only then may what it replaces go. Errors: destination_failed. */
  async seen(): Promise<void> {
    if (this.put.length === 0) return
    const listed = new Set((await listManifests(this.context)).map(({ object }) => object))
    for (const object of this.put)
      if (!listed.has(object))
        throw new CofferError('destination_failed', { object, reason: 'not listed after it was written' })
  }

  /** Deletes every revision of these snapshots but the one that counts. */
  async deleteOld(all: readonly KeptSnapshot[]): Promise<void> {
    for (const kept of all) {
      for (const { revision, object } of kept.listed)
        if (revision !== kept.manifest.revision) await this.context.destination.delete(object)
      kept.listed = kept.listed.filter(({ revision }) => revision === kept.manifest.revision)
    }
  }

  /** Deletes a snapshot, the revision that counts last: until then it is whole. */
  async deleteAll(listed: readonly ListedManifest[]): Promise<void> {
    for (const { object } of listed.toSorted((a, b) => a.revision - b.revision))
      await this.context.destination.delete(object)
  }
}
