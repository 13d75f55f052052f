/** What tests need to look into snapshots. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { openPageSource, type PageSourceSpec } from '../../../main/core/stores/page-source.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

/** All bytes of a snapshot, read in runs of varying length. */
export function allPages(spec: PageSourceSpec, run = 7): Buffer {
  const source = openPageSource(spec)
  const all = Buffer.alloc(source.pageCount * source.pageSize)
  for (let first = 0; first < source.pageCount; first += run) {
    const count = Math.min(run, source.pageCount - first)
    source.read(first, count, all.subarray(first * source.pageSize))
  }
  return all
}

/** The bytes of page 1 that SQLite's backup writes anew: change counter, schema cookie, version-valid-for and version. */
export function withoutCounters(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  for (const [from, to] of [
    [24, 28],
    [40, 44],
    [92, 100],
  ] as const)
    copy.fill(0, from, to)
  return copy
}

/** Opens bytes as a database of their own, somewhere else. */
export function openBytes(bytes: Buffer): Database.Database {
  const path = join(temporaryFolder(), 'restored.db')
  writeFileSync(path, bytes)
  return new Database(path)
}

/**
 * Every file in a folder with what would betray a change: size, times, inode, content. Without the change time of
 * journals and logs, which SQLite alters when root opens them.
 */
export function stateOf(folder: string): Record<string, string> {
  const state: Record<string, string> = {}
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name)
    const { ino, size, mode, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    const content = statSync(path).isFile() ? readFileSync(path).toString('base64') : ''
    state[name] = [ino, size, mode, mtimeNs, /-(wal|shm|journal)$/.test(name) ? 0n : ctimeNs, content].join()
  }
  return state
}
