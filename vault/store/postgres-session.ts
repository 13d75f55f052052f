/**
 * One physical connection to one PostgreSQL server, never a pool and never a second connection in its place: a
 * transaction that went on over a new connection would go on outside of itself. Once anything goes wrong the session is
 * over, everything that waits on it is told, and its socket is destroyed: no query and no commit is ever cancelled,
 * because a cancelled wait for the standbys makes PostgreSQL report success.
 */
import { connect, type Socket } from 'node:net'
import postgres from 'postgres'
import { StorageUnavailable } from './storage.ts'

/** Where a server is and how to log in. */
export interface Target {
  host: string
  port: number
  database: string
  user: string
  pass: string
  ssl: postgres.ParsedOptions['ssl']
}

/** The connection is gone; what was sent over it may or may not have been done. */
export class SessionLost extends StorageUnavailable {}

/** The server refused a statement. */
export class StatementRefused extends StorageUnavailable {
  /** SQLSTATE: all that is kept of the server's words, which can hold ids and values. */
  readonly code: string
  constructor(code: string) {
    super(`PostgreSQL: ${code}`)
    this.code = code
  }
}

export type Parameter = string | number | null

export interface Session {
  readonly address: string
  /** Sent at once; answers come in the order of sending. StatementRefused, SessionLost. */
  query<Row>(text: string, parameters?: readonly Parameter[]): Promise<Row[]>
  /** Without parameters or rows; gives the server's word for what it did: COMMIT, ROLLBACK, DELETE … */
  command(text: string): Promise<string>
  /** From now on any warning ends the session: whatever was being committed may be nowhere else. */
  endOnWarning(): void
  readonly over: boolean
  /** Everything that waits gets SessionLost with this reason. */
  destroy(reason: string): void
}

/** Numbers beyond 2^53 are read imprecisely; the digests above this layer then do not fit. */
const types = {
  bigint: { to: 20, from: [20], serialize: String, parse: Number },
}

/** Nothing is sent before the first query. `connectPatience` in ms, for all until the server lets us in. */
export function openSession(target: Target, connectPatience: number): Session {
  const address = `${target.host}:${target.port}`
  const waiting = new Set<(error: Error) => void>()
  let socket: Socket | undefined
  let lost: SessionLost | undefined
  let warningsCount = false

  function end(reason: string): void {
    if (lost) return
    lost = new SessionLost(`${address}: ${reason}`)
    socket?.destroy()
    for (const reject of waiting) reject(lost)
    waiting.clear()
  }
  /** Called again when the connection has closed: there is no second one. */
  async function onlySocket(): Promise<Socket> {
    if (socket || lost) throw new Error('this session is over')
    const { host, port } = target
    const opened = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
    socket = opened
    await new Promise<void>((resolve, reject) => {
      opened.once('connect', resolve)
      opened.once('error', reject)
      opened.once('close', () => reject(new Error('closed')))
      opened.setTimeout(connectPatience, () => opened.destroy(new Error('no answer')))
    })
    opened.setTimeout(0)
    opened.setNoDelay(true)
    // postgres.js takes the name to expect in the server's certificate from here.
    return Object.assign(opened, { host, port })
  }
  const sql = postgres({
    ...target,
    types,
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: connectPatience / 1000,
    backoff: false,
    fetch_types: false,
    onnotice: () => warningsCount && end('the server gave a warning'),
    onclose: () => end('connection closed'),
    // Not in its types.
    ...({ socket: onlySocket } as object),
  })

  /** Settles when the query does, or when the session is over: postgres.js leaves some queries waiting for ever. */
  function settled<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (lost) return reject(lost)
      waiting.add(reject)
      work().then(
        (value) => {
          waiting.delete(reject)
          resolve(value)
        },
        (error: unknown) => {
          waiting.delete(reject)
          if (error instanceof postgres.PostgresError && !/^57P/.test(error.code)) {
            return reject(new StatementRefused(error.code))
          }
          end(reasonOf(error))
          reject(lost)
        },
      )
    })
  }
  return {
    address,
    query: (text, parameters = []) =>
      settled(async () => {
        const rows = await sql.unsafe(text, [...parameters], { prepare: true })
        // What the columns hold is written in the statement.
        return rows as unknown as never[]
      }),
    command: (text) => settled(async () => (await sql.unsafe(text)).command),
    endOnWarning: () => {
      warningsCount = true
    },
    get over() {
      return lost !== undefined
    },
    destroy: end,
  }
}

/** A system's or PostgreSQL's code, never a message: messages can hold what was sent. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return error instanceof Error && error.message === 'no answer' ? error.message : 'connection failed'
}
