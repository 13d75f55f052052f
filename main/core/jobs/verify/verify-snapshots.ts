/** Every description of every backup: does it open, does it agree with its other revisions, is its past there? */
import type { Warning } from '../../../../contract/errors.ts'
import type { Manifest } from '../../archive/format/manifest.ts'
import { isDamage } from '../../archive/read/read-blob.ts'
import { type ListedManifest, readManifest } from '../../archive/read/read-manifests.ts'
import { bySnapshot } from '../../archive/read/survey-snapshots.ts'
import { judgeChain, judgeFreshness, rememberNewest } from '../freshness.ts'
import type { Session } from '../session.ts'
import { inOrder } from '../snapshots.ts'
import type { Faults } from './faults.ts'

const parallel = 16

/**
 * Opens all revisions of all snapshots, and returns each snapshot's highest that opens, oldest first. Faults:
 * manifest_missing, manifest_altered, chain_broken, older_than_known, header_rolled_back, header_rewritten, and the
 * damage of forgotten lists. A fork is a warning: nothing is wrong with either side.
 */
export async function verifySnapshots(
  session: Session,
  listed: readonly ListedManifest[],
  faults: Faults,
): Promise<{ manifests: Manifest[]; warnings: Warning[] }> {
  const manifests: Manifest[] = []
  const unopened: number[] = []
  const groups = bySnapshot(listed)
  for (let at = 0; at < groups.length; at += parallel) {
    const opened = await Promise.all(
      groups.slice(at, at + parallel).map((group) => openRevisions(session, group, faults)),
    )
    opened.forEach((manifest, i) => {
      if (manifest) manifests.push(manifest)
      else unopened.push(groups[at + i]?.[0]?.seq ?? 0)
    })
  }
  const ordered = inOrder(manifests)
  const warnings: Warning[] = []
  try {
    const found = [
      ...(await judgeFreshness(session, { manifests: ordered, listed })),
      ...(await judgeChain(session, ordered, unopened)),
    ]
    for (const warning of found) {
      const { object, ...detail } = warning.detail
      if (warning.code === 'fork') warnings.push(warning)
      else
        faults.add(
          warning.code,
          typeof object === 'string' ? object : warning.code === 'older_than_known' ? 'snapshots' : 'coffer.json',
          detail,
        )
    }
  } catch (error) {
    if (!isDamage(error)) throw error
    faults.caught(error)
  }
  rememberNewest(session, ordered)
  return { manifests: ordered, warnings }
}

async function openRevisions(
  session: Session,
  group: readonly ListedManifest[],
  faults: Faults,
): Promise<Manifest | undefined> {
  let highest: Manifest | undefined
  for (const name of group) {
    try {
      const manifest = await readManifest(session, name)
      highest ??= manifest
      if (manifest.identity !== highest.identity)
        faults.add('manifest_altered', name.object, { reason: 'two revisions of one backup differ in what it is' })
    } catch (error) {
      if (!isDamage(error)) throw error
      faults.caught(error, name.object)
    }
  }
  return highest
}
