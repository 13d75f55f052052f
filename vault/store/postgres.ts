/**
 * The engine for several sites: PostgreSQL, one writable primary, a commit acknowledged only when a standby has it too.
 * A group is one transaction: the gate's row is locked before anything is read, so that groups of all nodes follow each
 * other, also over a failover, because a lock and what was written under it live and die with the same primary.
 */
import { inTurn } from './in-turn.ts'
import { checkFit } from './fitting-changes.ts'
import { putCheckpoint, readCheckpoint } from './checkpoints.ts'
import { postgresCheckpoints } from './postgres-checkpoints.ts'
import { faultIn, settingsColumns, type Overrides, type Settings } from './postgres-fitness.ts'
import { primaryFinder, targetsOf, type Primary } from './postgres-primary.ts'
import { layOut } from './postgres-schema.ts'
import { SessionLost, StatementRefused, type Session } from './postgres-session.ts'
import * as say from './postgres-statements.ts'
import { StorageUnavailable, StorageUnfit, type Storage } from './storage.ts'

export interface PostgresOptions extends Overrides {
  /** One address with all servers, or several: `postgres://user:password@a,b,c/vault?ssl=verify-full`. */
  urls: readonly string[]
  /** ms for finding the primary and getting the lock, and again for the commit; then StorageUnavailable. */
  patience?: number
  /** For tests: called at these moments of a group, and may throw. `written` is before COMMIT is sent. */
  at?: (moment: 'begun' | 'written' | 'committed') => void
}

/** A group that committed less than this many ms ago shows that groups can. */
const freshFor = 1000

/** Connects, and lays the tables out where there are none. StorageUnfit, StorageUnavailable. */
export async function openPostgres(options: PostgresOptions): Promise<Storage> {
  const { urls, patience = 5000, at = () => undefined } = options
  const primaries = primaryFinder(targetsOf(urls), { ...options, patience })
  const turn = inTurn()
  let laidOut = false
  let closed = false
  let committedAt = -Infinity
  /** Groups have one connection for themselves; everything else shares the other. */
  const connections: Record<'groups' | 'reads', Promise<Primary> | undefined> = { groups: undefined, reads: undefined }

  async function connect(until: number): Promise<Primary> {
    const primary = await primaries.find(until)
    const { session, engine } = primary
    const timer = setTimeout(() => session.destroy('no commit in time'), patience)
    try {
      if (!laidOut) await layOut(session, engine)
      laidOut = true
      session.endOnWarning()
      // A commit waits for everything before it: what is seen from here on has its quorum, even if the server was
      // restarted while somebody waited for one.
      await say.pulse(session)
      if (closed) throw new StorageUnavailable('closed')
      return primary
    } catch (error) {
      session.destroy('not fit for use')
      throw error
    } finally {
      clearTimeout(timer)
    }
  }
  async function connected(use: 'groups' | 'reads', until: number): Promise<Primary> {
    if (closed) throw new StorageUnavailable('closed')
    const earlier = connections[use]
    const before = await earlier?.catch(() => undefined)
    if (before && !before.session.over && before.timeline >= primaries.newest()) return before
    // Somebody else who waited for it too was faster.
    if (connections[use] !== earlier) return connected(use, until)
    before?.session.destroy('its timeline is over')
    const fresh = connect(until)
    connections[use] = fresh
    return fresh
  }
  /** What the server lacks while the vault runs is a disturbance, not a reason to stop for good. */
  async function calmly<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw laidOut && error instanceof StorageUnfit ? new StorageUnavailable(error.message) : error
    }
  }
  async function inTime<T>(session: Session, what: string, work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => session.destroy(`no ${what} within ${patience} ms`), patience)
    try {
      return await work()
    } catch (error) {
      // The one state a connection is known to be in after an error is closed; the server then undoes what was begun.
      session.destroy('after an error')
      committedAt = -Infinity
      throw error
    } finally {
      clearTimeout(timer)
    }
  }
  async function settings(primary: Primary, text: string): Promise<void> {
    if (primary.engine === 'other') return void (await primary.session.query(text.replace('SETTINGS', 'one')))
    const [row] = await primary.session.query<Settings>(text.replace('SETTINGS', settingsColumns))
    const fault = row ? faultIn(row, options) : 'The gate’s row is gone.'
    if (fault !== undefined) throw new StorageUnavailable(fault)
  }
  /** BEGIN, the lock, and `first` behind it in the same breath; anew over another connection if this one is lost. */
  async function begin<T>(first: (session: Session) => Promise<T>): Promise<{ primary: Primary; seen: T }> {
    const until = performance.now() + patience
    for (;;) {
      try {
        const primary = await connected('groups', until)
        const [, , seen] = await inTime(primary.session, 'lock', () =>
          Promise.all([
            primary.session.command('BEGIN ISOLATION LEVEL READ COMMITTED'),
            settings(primary, 'SELECT SETTINGS FROM gate WHERE one = 1 FOR UPDATE'),
            first(primary.session),
          ]),
        )
        return { primary, seen }
      } catch (error) {
        // Nothing has been decided yet, so nothing is lost by asking again.
        if (!(error instanceof SessionLost || error instanceof StatementRefused) || performance.now() > until)
          throw error
        if (error instanceof StatementRefused && error.code !== readOnlyTransaction) throw error
      }
    }
  }
  /** `last` and COMMIT. Only what the server calls a commit, without a warning, with a quorum before and after, is one. */
  async function commit(primary: Primary, last: (session: Session) => Promise<unknown>): Promise<void> {
    const { session } = primary
    await inTime(session, 'commit', async () => {
      const written = last(session)
      written.catch(() => undefined)
      at('written')
      const [, word] = await Promise.all([
        written,
        session.command('COMMIT'),
        settings(primary, 'SELECT SETTINGS FROM gate WHERE one = 1'),
      ])
      if (word !== 'COMMIT') throw new StorageUnavailable(`the server answered ${word} to COMMIT`)
      committedAt = performance.now()
      at('committed')
    })
  }
  const rollback = ({ session }: Primary): Promise<string> =>
    inTime(session, 'rollback', () => session.command('ROLLBACK'))
  const alone = <T>(work: (session: Session) => Promise<T>): Promise<T> =>
    turn(() =>
      calmly(async () => {
        const { primary } = await begin(async () => undefined)
        const value = await inTime(primary.session, 'answer', () => work(primary.session))
        await commit(primary, async () => undefined)
        return value
      }),
    )
  const reading = <T>(work: (session: Session) => Promise<T>): Promise<T> =>
    calmly(async () => {
      const { session } = await connected('reads', performance.now() + patience)
      return inTime(session, 'answer', () => work(session))
    })
  const checkpoints = postgresCheckpoints(alone, reading)

  await connected('groups', performance.now() + patience)
  return {
    engine: 'postgres',
    group: (wanted, decide) =>
      turn(() =>
        calmly(async () => {
          const { primary, seen: found } = await begin((session) => say.see(session, wanted))
          let decided
          try {
            at('begun')
            const [head, now, rows, entries, notes] = found
            const seen = {
              head,
              now,
              rows: new Map(rows.map((row) => [row.rid.toString('hex'), row])),
              entries,
              notes: new Map(notes.map(({ name, bytes }) => [name, bytes])),
            }
            decided = await decide(seen)
            if (decided.changes) checkFit(head, decided.changes)
          } catch (error) {
            await rollback(primary).catch(() => undefined)
            throw error
          }
          const { value, changes } = decided
          if (changes) await commit(primary, (session) => say.write(session, changes))
          else await rollback(primary)
          return value
        }),
      ),
    log: (after, limit) => reading((session) => say.readLog(session, after, limit)),
    head: () => reading(say.readHead),
    receipts: (rid, after, limit) => reading((session) => say.readReceipts(session, rid, after, limit)),
    due: (limit) => reading((session) => say.readDue(session, limit)),
    rows: (after, limit) => reading((session) => say.readRows(session, after, limit)),
    note: (name) => reading((session) => say.readNote(session, name)),
    putCheckpoint: (place, parts, keepFrom) => putCheckpoint(checkpoints, place, parts, keepFrom),
    checkpoint: () => readCheckpoint(checkpoints),
    // Old versions of rows stay in pages until they are vacuumed, in the write-ahead log and its copies for longer:
    // what makes those unreadable is a new seal key.
    scrub: () =>
      reading(async (session) => {
        await session.command('VACUUM rows')
      }),
    ready: async () => {
      if (performance.now() - committedAt >= freshFor) await alone(say.pulse)
    },
    close: () =>
      turn(async () => {
        closed = true
        committedAt = -Infinity
        for (const it of Object.values(connections)) (await it?.catch(() => undefined))?.session.destroy('closed')
      }),
  }
}

/** SQLSTATE of what a server answers that has become a standby. */
const readOnlyTransaction = '25006'
