/** The snapshot that a backup builds upon. */
import type { Warning } from '../../../contract/errors.ts'
import type { Manifest } from '../archive/format/manifest.ts'
import { isDamage } from '../archive/read/read-blob.ts'
import { bySnapshot, openSnapshot } from '../archive/read/survey-snapshots.ts'
import { listManifests } from '../archive/read/read-manifests.ts'
import { judgeFreshness } from './freshness.ts'
import type { Memory } from './memory.ts'
import type { Session } from './session.ts'

export interface Newest {
  /** The newest that opens; undefined in an archive without snapshots. */
  manifest: Manifest | undefined
  /** The number the next snapshot gets: above all that are listed or remembered. */
  nextSeq: number
  warnings: Warning[]
}

/**
 * Reads the newest manifest. Damaged ones are reported and passed over, first for a lower revision of the same
 * snapshot: the next backup builds on one that opens. Of two with the same number (a fork) this computer builds on the
 * one it knows.
 */
export async function newestSnapshot(session: Session, memory: Memory): Promise<Newest> {
  const listed = await listManifests(session)
  const warnings: Warning[] = []
  const highest = Math.max(0, memory.newest?.seq ?? 0, ...listed.slice(-1).map((it) => it.seq))
  const opened: Manifest[] = []
  for (const revisions of bySnapshot(listed).reverse()) {
    if (opened[0] && (revisions[0]?.seq ?? 0) < opened[0].seq) break
    const { manifest, faults } = await openSnapshot(session, revisions)
    warnings.push(...faults.map(({ code, detail }) => ({ code, detail })))
    if (manifest) opened.push(manifest)
  }
  const manifest = opened.find(({ identity }) => identity === memory.newest?.identity) ?? opened[0]
  try {
    warnings.push(...(await judgeFreshness(session, { manifests: opened, listed })))
  } catch (error) {
    // The list of forgotten backups is damaged: what it would have told is not known. Everything else goes on.
    if (!isDamage(error)) throw error
    warnings.push({ code: error.code, detail: error.detail })
  }
  return { manifest, nextSeq: highest + 1, warnings }
}
