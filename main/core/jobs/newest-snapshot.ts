/** What the destination shows as the newest snapshot, and how that fits what this computer remembers. */
import type { Warning } from '../../../contract/errors.ts'
import type { Manifest } from '../archive/manifest.ts'
import { isDamage } from '../archive/read-blob.ts'
import { latestRevisions, type ListedManifest, listManifests, readManifest } from '../archive/read-manifests.ts'
import type { Session } from './session.ts'

export interface Newest {
  /** The newest that opens; undefined in an archive without snapshots. */
  manifest: Manifest | undefined
  /** The number the next snapshot gets. */
  nextSeq: number
  listed: ListedManifest[]
  warnings: Warning[]
}

/** Reads the newest manifest. Damaged ones are reported and passed over: the next backup builds on one that opens. */
export async function newestSnapshot(session: Session, remembered: number): Promise<Newest> {
  const listed = await listManifests(session)
  const warnings: Warning[] = []
  const highest = Math.max(0, remembered, ...listed.slice(-1).map((it) => it.seq))
  for (const name of latestRevisions(listed).reverse()) {
    try {
      const manifest = await readManifest(session, name)
      return { manifest, nextSeq: highest + 1, listed, warnings }
    } catch (error) {
      if (!isDamage(error)) throw error
      warnings.push({ code: error.code, detail: error.detail })
    }
  }
  return { manifest: undefined, nextSeq: highest + 1, listed, warnings }
}
