/**
 * Someone who has an archive's key and has never seen it before: looks at it with nothing of what the computer that
 * wrote it remembers, by the format alone and by the verify job.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blobKind } from '../../main/core/archive/format/blob.ts'
import { splitHashes } from '../../main/core/archive/local/hash-index.ts'
import { type PackId, packName } from '../../main/core/archive/format/names.ts'
import { readIndex, readTrailer, trailerBytes } from '../../main/core/archive/format/pack.ts'
import { listManifests } from '../../main/core/archive/read/read-manifests.ts'
import type { Destination } from '../../main/core/destinations/destination.ts'
import { openSession, type Session } from '../../main/core/jobs/session.ts'
import { verify, type VerifyResult } from '../../main/core/jobs/verify.ts'
import { readKey } from '../../main/core/keys/sixty-four-digits.ts'
import type { Secret } from '../../main/core/keys/secret.ts'
import { startWorker } from '../../main/engine/start-worker.ts'
import { quiet } from '../fixtures/job-options.ts'
import { neededPacks } from '../fixtures/needed-packs.ts'
import { contentOf, manifests } from '../fixtures/practice-archive.ts'

/** Path in the archive (latin1) to the SHA-256 of its bytes. */
export type Digests = ReadonlyMap<string, string>

export function digestsOf(content: ReadonlyMap<string, Uint8Array>): Digests {
  return new Map(
    [...content]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, bytes]) => [path, createHash('sha256').update(bytes).digest('hex')]),
  )
}

/** Lends a session on the archive, and takes everything away afterwards. `key` may be a key file. */
export async function asBystander<T>(
  destination: Destination,
  key: Secret | { file: string },
  look: (session: Session) => Promise<T>,
): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), 'coffer-bystander-'))
  const secret = 'file' in key ? readKey(readFileSync(key.file, 'utf8').split('\n', 1)[0] ?? '').key : key
  const session = await openSession({ destination, secret, home, now: () => new Date(), startWorker })
  try {
    return await look(session)
  } finally {
    session.close()
    if (secret !== key) secret.dispose()
    rmSync(home, { recursive: true, force: true })
  }
}

/** What every snapshot holds, read by the format alone: id to digests. */
export async function everySnapshot(session: Session): Promise<Map<string, Digests>> {
  const found = new Map<string, Digests>()
  for (const manifest of await manifests(session))
    found.set(manifest.snapshot, digestsOf(await contentOf(session, manifest)))
  return found
}

export function verifyEverything(session: Session): Promise<VerifyResult> {
  return verify(session, { ...quiet, read: true, proof: false })
}

/** Objects that no snapshot needs: packs without a page, a piece or a table in use, and outlived revisions. */
export async function orphans(session: Session): Promise<string[]> {
  const needed = new Set(['coffer.json', 'coffer.previous.json'])
  const all = await manifests(session)
  for (const name of await neededPacks(session, all)) needed.add(name)
  const kept = new Set(all.map(({ seq, snapshot, revision }) => `${seq} ${snapshot} ${revision}`))
  for (const { seq, snapshot, revision, object } of await listManifests(session))
    if (kept.has(`${seq} ${snapshot} ${revision}`)) needed.add(object)
  const left: string[] = []
  for (const folder of ['', 'packs', 'snapshots', 'locks'] as const)
    for await (const { name } of session.destination.list(folder)) if (!needed.has(name)) left.push(name)
  return left.sort()
}

/** The hashes of the pages and pieces that a pack holds, as its index tells them. */
export async function hashesIn({ destination, archive, keys }: Session, id: PackId): Promise<string[]> {
  const bytes = Buffer.from((await destination.get(packName(id))) ?? [])
  const at = readTrailer(bytes.subarray(-trailerBytes), bytes.length)
  return readIndex(bytes.subarray(at.offset, at.offset + at.length), at, archive, id, keys.blobs).flatMap(
    ({ kind, hashes }) =>
      kind === blobKind.pages || kind === blobKind.piece
        ? splitHashes(hashes, kind === blobKind.pages ? 'pages' : 'pieces').map((hash) => hash.toString('hex'))
        : [],
  )
}
