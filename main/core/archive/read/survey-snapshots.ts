/** Reading the snapshots an archive shows: each by its highest revision that opens. */
import type { CofferError } from '../../../../contract/errors.ts'
import type { ArchiveContext } from '../context.ts'
import type { Manifest } from '../format/manifest.ts'
import { isDamage } from './read-blob.ts'
import { type ListedManifest, readManifest } from './read-manifests.ts'

/** How many manifests are fetched at a time. */
const parallel = 16

/** A snapshot whose description was found under one or more names. */
export interface FoundSnapshot {
  /** Undefined when no revision opens. */
  manifest: Manifest | undefined
  /** Revisions above it that do not open. */
  faults: CofferError[]
  /** All its revisions, highest first. */
  listed: ListedManifest[]
}

/** The listed manifests grouped by snapshot, in the order given; revisions highest first. */
export function bySnapshot(listed: readonly ListedManifest[]): ListedManifest[][] {
  const groups = new Map<string, ListedManifest[]>()
  for (const it of listed) {
    const key = `${it.seq}-${it.snapshot}`
    const group = groups.get(key)
    if (group) group.push(it)
    else groups.set(key, [it])
  }
  return [...groups.values()].map((group) => group.toSorted((a, b) => b.revision - a.revision))
}

/** Opens a snapshot: a lower revision stands in for a damaged higher one, since both describe the same backup. */
export async function openSnapshot(context: ArchiveContext, revisions: ListedManifest[]): Promise<FoundSnapshot> {
  const faults: CofferError[] = []
  for (const name of revisions) {
    try {
      return { manifest: await readManifest(context, name), faults, listed: revisions }
    } catch (error) {
      if (!isDamage(error)) throw error
      faults.push(error)
    }
  }
  return { manifest: undefined, faults, listed: revisions }
}

/** Opens all, sixteen at a time, in the order given. */
export async function openSnapshots(context: ArchiveContext, groups: ListedManifest[][]): Promise<FoundSnapshot[]> {
  const found: FoundSnapshot[] = []
  for (let at = 0; at < groups.length; at += parallel)
    found.push(...(await Promise.all(groups.slice(at, at + parallel).map((group) => openSnapshot(context, group)))))
  return found
}
