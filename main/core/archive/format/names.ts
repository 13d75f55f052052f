/** Names and ids of an archive's objects (docs/FORMAT.md, "Objects"). */
import { randomBytes } from 'node:crypto'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** 32 lower-case hexadecimal digits: 16 random bytes. */
export type ArchiveId = Branded<'ArchiveId'>
/** 32 lower-case hexadecimal digits: 16 random bytes. */
export type PackId = Branded<'PackId'>
/** 16 lower-case hexadecimal digits: 8 random bytes. */
export type SnapshotId = Branded<'SnapshotId'>
/** 64 lower-case hexadecimal digits: what a snapshot is, whatever revision describes it. */
export type Identity = Branded<'Identity'>

export const headerName = 'coffer.json'
export const previousHeaderName = 'coffer.previous.json'

/** Where one snapshot's description lies. */
export interface ManifestName {
  seq: number
  snapshot: SnapshotId
  revision: number
}

// Ids are given out in the open as object names; their only duty is never to meet again.
export function newArchiveId(): ArchiveId {
  return randomBytes(16).toString('hex') as ArchiveId
}
export function newPackId(): PackId {
  return randomBytes(16).toString('hex') as PackId
}
export function newSnapshotId(): SnapshotId {
  return randomBytes(8).toString('hex') as SnapshotId
}

export function idBytes(id: ArchiveId | PackId | SnapshotId | Identity): Buffer {
  return Buffer.from(id, 'hex')
}
export function packIdFrom(bytes: Uint8Array): PackId {
  return Buffer.from(bytes).toString('hex') as PackId
}

export function packName(id: PackId): string {
  return `packs/${id}`
}
/** The id in `packs/<id>`, or undefined for a name that is not a pack's. */
export function parsePackName(name: string): PackId | undefined {
  const match = /^packs\/([0-9a-f]{32})$/.exec(name)
  return match?.[1] as PackId | undefined
}

export function manifestName({ seq, snapshot, revision }: ManifestName): string {
  return `snapshots/${String(seq).padStart(8, '0')}-${snapshot}.${revision}`
}
export function parseManifestName(name: string): ManifestName | undefined {
  const match = /^snapshots\/([0-9]{8})-([0-9a-f]{16})\.([1-9][0-9]{0,8})$/.exec(name)
  if (!match) return undefined
  return { seq: Number(match[1]), snapshot: match[2] as SnapshotId, revision: Number(match[3]) }
}
