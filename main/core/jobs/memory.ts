/**
 * What this computer remembers of an archive, apart from any cache: who it is as a writer, and the newest backup it
 * saw. With it a cloud that shows an older state is noticed (archive.md, "Identity, freshness, one writer").
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { ArchiveId } from '../archive/names.ts'

const Memory = z.object({
  writer: z.string().regex(/^[0-9a-f]{32}$/),
  /** The newest snapshot ever seen here. */
  newest: z.object({ seq: z.number().int(), identity: z.string().regex(/^[0-9a-f]{64}$/) }).nullable(),
  /** The highest header number ever seen here. */
  headerNumber: z.number().int(),
})
export type Memory = z.infer<typeof Memory>

/** The folder for all that is kept of one archive on this computer. */
export function archiveFolder(home: string, archive: ArchiveId): string {
  return join(home, 'archives', archive)
}

/** What is remembered, or a fresh start with a writer id of its own. Writes nothing. */
export function readMemory(home: string, archive: ArchiveId): Memory {
  try {
    return Memory.parse(JSON.parse(readFileSync(join(archiveFolder(home, archive), 'memory.json'), 'utf8')))
  } catch {
    // Absent on a new computer. Unreadable is no worse: freshness is then checked from the next backup on, and the
    // person confirms once that this computer may write.
    return { writer: randomBytes(16).toString('hex'), newest: null, headerNumber: 0 }
  }
}

/** Keeps it, whole or not at all. */
export function writeMemory(home: string, archive: ArchiveId, memory: Memory): void {
  const folder = archiveFolder(home, archive)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, 'memory.json')
  writeFileSync(`${file}.new`, `${JSON.stringify(Memory.parse(memory))}\n`, { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
}
