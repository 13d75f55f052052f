/**
 * The embedded engine: one SQLite file, nothing to install. Groups run one after the other inside the process, and
 * BEGIN IMMEDIATE keeps other processes out from before anything is read until everything is durable; each costs one
 * fsync. Whoever has to wait for another process waits without blocking this one, whose group might be what the other
 * waits for.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { putCheckpoint, readCheckpoint, type CheckpointTables } from './checkpoints.ts'
import { checkFit } from './fitting-changes.ts'
import { inTurn } from './in-turn.ts'
import { tidying } from './sqlite-tidying.ts'
import { isBusy, openConnections, throughSqlite, type Connections } from './sqlite-file.ts'
import { reads, writes, type Reads, type Writes } from './sqlite-statements.ts'
import { maxEntries, StorageUnavailable, type Seen, type Storage, type StoredRow, type Wanted } from './storage.ts'

/** Like SQLITE_BUSY, but told as a result. */
class StillRead extends StorageUnavailable {}

export interface SqliteOptions {
  file: string
  /** This machine's clock, ms since 1970: the database is on it. */
  now: () => number
  /** How long a group waits for another process, ms; then StorageUnavailable. */
  patience?: number
  /** For tests: called at these moments of a group, and may throw as SQLite may. */
  at?: (moment: 'begun' | 'written' | 'committed') => void
}

/** A group that committed less than this many ms ago shows that groups can. */
const freshFor = 1000

/** Opens the database, and makes it where there is none. StorageUnfit, StorageUnavailable. */
export async function openSqlite(options: SqliteOptions): Promise<Storage> {
  const { file, now, patience = 5000, at = () => undefined } = options
  const turn = inTurn()
  let closed = false
  let create = true
  let open: (Connections & { read: Reads; locked: Reads; write: Writes }) | undefined
  let committedAt = -Infinity

  function connected(): NonNullable<typeof open> {
    if (closed) throw new StorageUnavailable('closed')
    if (open && !open.inPlace()) letGo()
    if (open) return open
    const connections = openConnections(file, { create })
    const { reader, writer } = connections
    open = throughSqlite(() => ({ ...connections, read: reads(reader), locked: reads(writer), write: writes(writer) }))
    // From now on a missing file is a loss, not a beginning.
    create = false
    return open
  }
  /** Whatever these connections believe is forgotten; the next who needs one begins with what is on the disk. */
  function letGo(): void {
    const before = open
    open = undefined
    committedAt = -Infinity
    try {
      before?.close()
    } catch {
      // A connection that cannot even be closed is no longer used by anybody.
    }
  }
  /** Tries again while somebody else is at it. */
  async function patiently<T>(work: () => T): Promise<T> {
    const until = performance.now() + patience
    for (let wait = 1; ; wait = Math.min(wait * 2, 20)) {
      try {
        return throughSqlite(work)
      } catch (error) {
        if (!(isBusy(error) || error instanceof StillRead) || performance.now() > until) throw error
      }
      await pause(wait)
    }
  }
  /** `work` inside a transaction that nobody else's can come between. Undone when it throws or gives `keep: false`. */
  async function alone<T>(work: (it: NonNullable<typeof open>) => Promise<{ value: T; keep: boolean }>): Promise<T> {
    return turn(async () => {
      const it = await patiently(() => {
        const candidate = connected()
        candidate.writer.exec('BEGIN IMMEDIATE')
        return candidate
      })
      try {
        throughSqlite(() => at('begun'))
        const { value, keep } = await work(it)
        throughSqlite(() => {
          if (keep) at('written')
          it.writer.exec(keep ? 'COMMIT' : 'ROLLBACK')
          if (!keep) return
          committedAt = performance.now()
          at('committed')
        })
        return value
      } catch (error) {
        // After an error of SQLite’s nobody knows what this connection still holds in memory.
        if (error instanceof StorageUnavailable) letGo()
        else if (it.writer.inTransaction) it.writer.exec('ROLLBACK')
        throw error
      }
    })
  }
  const reading = async <T>(work: (read: Reads) => T): Promise<T> => patiently(() => work(connected().read))

  function see(read: Reads, wanted: Wanted): Seen {
    const rows = new Map<string, StoredRow>()
    for (const rid of wanted.rids) {
      const row = read.row(rid)
      if (row) rows.set(rid.toString('hex'), row)
    }
    const notes = new Map<string, Buffer>()
    for (const name of wanted.notes) {
      const bytes = read.note(name)
      if (bytes) notes.set(name, bytes)
    }
    return { head: read.head(), now: now(), rows, entries: read.log(wanted.after, maxEntries), notes }
  }

  const writing = <T>(work: (write: Writes) => T): Promise<T> =>
    alone(async ({ write }) => ({ value: throughSqlite(() => work(write)), keep: true }))
  const checkpoints: CheckpointTables = {
    addPart: (making, number, bytes) => writing((write) => write.addPart(making, number, bytes)),
    turnTo: (it) => writing((write) => write.turnTo(it)),
    dropParts: (limit) => writing((write) => write.dropParts(limit)),
    dropLog: (below, limit) => writing((write) => write.dropLog(below, limit)),
    current: () => reading((read) => read.checkpoint()),
    part: (making, number) => reading((read) => read.checkpointPart(making, number)),
  }

  await patiently(connected)
  let written = 0
  const tidy = tidying(file, turn)
  return {
    engine: 'sqlite',
    group: async (wanted, decide) => {
      const value = await alone(async ({ locked, write }) => {
        const seen = throughSqlite(() => see(locked, wanted))
        const { value, changes } = await decide(seen)
        if (!changes) return { value, keep: false }
        checkFit(seen.head, changes)
        throughSqlite(() => write.changes(changes))
        written += changes.rows.length
        return { value, keep: true }
      })
      tidy.wrote(written)
      written = 0
      return value
    },
    log: (after, limit) => reading((read) => read.log(after, limit)),
    head: () => reading((read) => read.head()),
    receipts: (rid, after, limit) => reading((read) => read.receipts(rid, after, limit)),
    due: (limit) => reading((read) => read.due(now(), limit)),
    rows: (after, limit) => reading((read) => read.rows(after, limit)),
    note: (name) => reading((read) => read.note(name)),
    putCheckpoint: (place, parts, keepFrom) => putCheckpoint(checkpoints, place, parts, keepFrom),
    checkpoint: () => readCheckpoint(checkpoints),
    scrub: () =>
      turn(async () => {
        await patiently(() => {
          // SQLite's columns.
          const [outcome] = connected().writer.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[]
          if (outcome?.busy !== 0) throw new StillRead('readers kept the write-ahead log in use')
        })
      }),
    ready: async () => {
      if (performance.now() - committedAt < freshFor) return
      await writing((write) => write.pulse(now()))
    },
    close: () =>
      turn(async () => {
        closed = true
        await tidy.close()
        letGo()
      }),
  }
}
