/**
 * Whether a server's acknowledgement of a commit means what the vault needs it to mean: on the disk of the primary and
 * of a standby at least. Looked at when a connection is made and again in every transaction, after its lock is taken
 * and after its commit: a setting that is right at the start of a night need not be at its end.
 */
import { parseQuorum } from './postgres-quorum.ts'
import type { Session } from './postgres-session.ts'
import { StorageUnavailable, StorageUnfit } from './storage.ts'

export interface Overrides {
  /** No standby need have what is committed: with this one machine everything is lost. */
  allowSingleNode?: boolean
  /** An engine that only speaks PostgreSQL's language: nothing of what it promises is checked. */
  allowOtherEngine?: boolean
}

export interface Settings {
  standby: boolean
  readOnly: string
  commit: string
  standbys: string
  fsync: string
  fullPages: string
  messages: string
}

/** Columns to select wherever the settings are looked at. */
export const settingsColumns = `pg_is_in_recovery() AS standby,
  current_setting('transaction_read_only') AS "readOnly",
  current_setting('synchronous_commit') AS commit,
  current_setting('synchronous_standby_names') AS standbys,
  current_setting('fsync') AS fsync,
  current_setting('full_page_writes') AS "fullPages",
  current_setting('client_min_messages') AS messages`

/** PostgreSQL itself, of a version that still gets corrections, and no descendant of it. */
const postgresVersion = /^PostgreSQL (\d+)(?:\.\d+|devel|beta\d+|rc\d+)?(?: \([^()]*\))? on /
const oldest = 13

/** Undefined if commits are safe here, otherwise what to change, in a sentence. */
export function faultIn(it: Settings, { allowSingleNode = false }: Overrides): string | undefined {
  if (it.readOnly !== 'off') return 'The database is read-only.'
  if (it.fsync !== 'on') return 'fsync is off: set fsync = on.'
  if (it.fullPages !== 'on') return 'full_page_writes is off: set full_page_writes = on.'
  if (it.commit !== 'on' && it.commit !== 'remote_apply') return 'synchronous_commit is not on: set it to on.'
  // A wait for the standbys that is cut short is reported as a warning only; it must not be filtered away.
  if (!['warning', 'notice', 'log', 'debug1'].includes(it.messages)) return 'client_min_messages hides warnings.'
  if (!allowSingleNode && !parseQuorum(it.standbys)) {
    return (
      'A commit here waits for no standby: set synchronous_standby_names, for three sites to ' +
      '“ANY 1 (site_b, site_c)”, or allow a single node explicitly.'
    )
  }
  return undefined
}

export type Engine = 'postgresql' | 'other'

/** Which engine answers. StorageUnfit where it is none that is known, unless that is allowed. */
export async function engineOf(session: Session, { allowOtherEngine = false }: Overrides): Promise<Engine> {
  const [row] = await session.query<{ version: string }>('SELECT version() AS version')
  const match = postgresVersion.exec(row?.version ?? '')
  if (match && Number(match[1]) >= oldest && !row?.version.includes('-YB-')) return 'postgresql'
  if (allowOtherEngine) return 'other'
  throw new StorageUnfit(
    `“${(row?.version ?? '').slice(0, 60)}” is not PostgreSQL ${oldest} or newer: what it acknowledges cannot be ` +
      'checked. Allow another engine explicitly if you know that a commit is durable on several machines there.',
  )
}

/**
 * Sets what is ours to set, whatever the server, the role or the address say, and looks at the rest.
 * Gives the timeline that a primary writes; StorageUnavailable where the server is a standby, StorageUnfit where a
 * commit would not be safe.
 */
export async function prepareSession(session: Session, patience: number, overrides: Overrides): Promise<number> {
  const settings: Record<string, string> = {
    synchronous_commit: 'on',
    client_min_messages: 'warning',
    bytea_output: 'hex',
    search_path: 'coffer_vault',
    default_transaction_isolation: 'read committed',
    // Nothing may cut a commit short. Waiting for a lock may end; a client that is gone must not keep one.
    statement_timeout: '0',
    transaction_timeout: '0',
    idle_session_timeout: '0',
    lock_timeout: String(Math.round(patience * 0.8)),
    idle_in_transaction_session_timeout: String(patience * 2),
  }
  await session.query(
    `SELECT set_config(name, s.value, false) FROM pg_settings
     JOIN unnest($1::text[], $2::text[]) AS s(setting_name, value) ON name = s.setting_name`,
    [`{${Object.keys(settings).join()}}`, `{${Object.values(settings).map(quoted).join()}}`],
  )
  const [row] = await session.query<Settings & { file: string | null }>(
    `SELECT ${settingsColumns},
       CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_walfile_name(pg_current_wal_lsn()) END AS file`,
  )
  if (!row || row.standby || row.file === null) throw new StorageUnavailable(`${session.address} is a standby`)
  const fault = faultIn(row, overrides)
  if (fault !== undefined) throw new StorageUnfit(fault)
  // A segment's name begins with its timeline, in hex.
  return Number.parseInt(row.file.slice(0, 8), 16)
}

const quoted = (text: string): string => `"${text}"`
