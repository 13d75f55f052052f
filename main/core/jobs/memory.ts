/**
 * What this computer remembers of an archive, apart from any cache: who it is as a writer, and the newest backup it
 * saw. With it a cloud that shows an older state is noticed (docs/FORMAT.md, 16).
 */
import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { localFailure } from '../archive/local/cache.ts'
import { branded } from '../archive/format/manifest.ts'
import type { ArchiveId, Identity } from '../archive/format/names.ts'
import { processIsAlive } from '../stores/private-folder.ts'

const Memory = z.object({
  writer: z.string().regex(/^[0-9a-f]{32}$/),
  /** The newest snapshot ever seen here. */
  newest: z.object({ seq: z.number().int(), identity: branded<Identity>(32) }).nullable(),
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
  return parsed(memoryFile(home, archive)) ?? { writer: randomBytes(16).toString('hex'), newest: null, headerNumber: 0 }
}

/**
 * Keeps it, whole or not at all, and returns what is kept: this computer's id as a writer stays the one it has, also
 * when a restore and a first backup remember the same archive at the same moment. Errors: local_full, home_failed.
 */
export function writeMemory(home: string, archive: ArchiveId, memory: Memory): Memory {
  const file = memoryFile(home, archive)
  // Each process writes a file of its own; what a killed one left goes with the next writing.
  const part = `${file}.${process.pid}`
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    sweep(file)
    for (;;) {
      const known = parsed(file)
      const kept = Memory.parse({ ...memory, writer: known?.writer ?? memory.writer })
      writeFileSync(part, `${JSON.stringify(kept)}\n`, { mode: 0o600, flush: true })
      if (known || existsSync(file)) renameSync(part, file)
      else if (!makeFirst(part, file)) continue
      return kept
    }
  } catch (error) {
    throw localFailure(error)
  }
}

function memoryFile(home: string, archive: ArchiveId): string {
  return join(archiveFolder(home, archive), 'memory.json')
}

function parsed(file: string): Memory | undefined {
  try {
    return Memory.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    // Absent on a new computer. Unreadable is no worse: freshness is then checked from the next backup on, and the
    // person confirms once that this computer may write.
    return undefined
  }
}

/** False if another process has just made the file: unlike a rename, a link replaces nothing. */
function makeFirst(part: string, file: string): boolean {
  try {
    linkSync(part, file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    // A disk without hard links. Whatever else is wrong is wrong for this too.
    renameSync(part, file)
    return true
  }
  rmSync(part)
  return true
}

function sweep(file: string): void {
  const folder = dirname(file)
  for (const name of readdirSync(folder)) {
    const pid = /^memory\.json\.(\d+)$/.exec(name)?.[1]
    if (pid !== undefined && !processIsAlive(Number(pid))) rmSync(join(folder, name), { force: true })
  }
}
