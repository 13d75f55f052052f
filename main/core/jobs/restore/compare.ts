/** Reading restored files back from the disk and comparing them with what the snapshot says they are. */
import { open } from 'node:fs/promises'
import { CofferError } from '../../../../contract/errors.ts'
import { databaseDigest, hashPage, hashPiece } from '../../archive/format/hashes.ts'
import { maxBlobPlain, hashBytes, pageHashBytes } from '../../archive/format/limits.ts'
import type { Manifest } from '../../archive/format/manifest.ts'
import { resolveFiles } from '../../archive/read/resolve-files.ts'
import type { Session } from '../session.ts'
import { below, type LocalPath, shown } from './local-path.ts'
import type { NameRules } from './safe-name.ts'
import { planNames } from './survey-files.ts'

export interface Comparison {
  manifest: Manifest
  /** Where it was restored to, whole, into an empty folder. */
  root: string
  rules: NameRules
  check: () => void
  onRead: (bytes: number, path: string) => void
}

/** Throws target_failed, naming the path, where a file is not what the snapshot says; and the archive's damage. */
export async function compareRestored(
  session: Session,
  { manifest, root, rules, check, onRead }: Comparison,
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(maxBlobPlain)
  const { names, databases } = planNames(manifest, () => true, rules, [])
  for (const { entry, name } of databases) {
    const digest = databaseDigest(session.keys, entry.pageSize, entry.pages)
    const hash = Buffer.alloc(pageHashBytes)
    for await (const chunk of chunks(below(root, [name]), entry.pages * entry.pageSize, buffer, entry.path)) {
      check()
      for (let at = 0; at < chunk.length; at += entry.pageSize) {
        hashPage(session.keys, chunk.subarray(at, at + entry.pageSize), hash)
        digest.update(hash)
      }
      onRead(chunk.length, entry.path)
    }
    if (digest.final().toString('hex') !== entry.digest) throw different(entry.path)
  }
  const hash = Buffer.alloc(hashBytes)
  for await (const entry of resolveFiles(session, manifest.files.layers)) {
    const planned = names.take(entry.path)
    const path = shown(entry.path)
    if (!planned) throw different(path)
    let piece = 0
    for await (const chunk of chunks(below(root, planned.names), entry.size, buffer, path)) {
      check()
      hashPiece(session.keys, chunk, hash)
      if (!entry.pieces[piece++]?.hash.equals(hash)) throw different(path)
      onRead(chunk.length, path)
    }
  }
}

/** A file's bytes in pieces of 4 MiB: any page size divides them. They are views of `buffer`. */
async function* chunks(
  file: LocalPath,
  size: number,
  buffer: Buffer,
  path: string,
): AsyncGenerator<Buffer, void, undefined> {
  const handle = await open(file, 'r')
  try {
    if ((await handle.stat()).size !== size) throw different(path)
    for (let at = 0; at < size;) {
      const wanted = Math.min(buffer.length, size - at)
      let done = 0
      while (done < wanted) {
        const { bytesRead } = await handle.read(buffer, done, wanted - done, at + done)
        if (bytesRead === 0) throw different(path)
        done += bytesRead
      }
      yield buffer.subarray(0, wanted)
      at += wanted
    }
  } finally {
    await handle.close()
  }
}

function different(path: string): CofferError {
  return new CofferError('target_failed', { path, reason: 'what was read back is not what was written' })
}
