/**
 * Finds the server that takes writes now, among several that may have been told to. All are asked at once, because one
 * that is cut off answers nothing for long. A primary of an older timeline than one we have worked with was replaced
 * and does not know it yet: it is never gone back to.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import postgres from 'postgres'
import { engineOf, prepareSession, type Engine, type Overrides } from './postgres-fitness.ts'
import { openSession, StatementRefused, type Session, type Target } from './postgres-session.ts'
import { StorageUnavailable, StorageUnfit } from './storage.ts'

export interface Primary {
  session: Session
  engine: Engine
  timeline: number
}

/** What no waiting will mend: no such database, user or permission, a wrong password. */
const unfitCodes = /^(28|3D|42501)/
/** How long the others may still answer when one primary has been found, ms. */
const grace = 300
/** Between two rounds of asking everybody, ms. */
const betweenRounds = 100

/**
 * The servers that an address names: `postgres://user@a:5432,b:5432,c:5432/vault?sslmode=verify-full&sslrootcert=FILE`.
 * StorageUnfit for one that cannot be read.
 */
export function targetsOf(urls: readonly string[]): Target[] {
  return urls.flatMap((url) => {
    const { host, port, database, user, pass, ssl, connection } = optionsOf(url)
    const authority = connection['sslrootcert']
    return host.map((name, index) => ({
      host: name,
      port: port[index] ?? 5432,
      database,
      user,
      pass: typeof pass === 'string' ? pass : '',
      // postgres.js leaves out the name when it is an address; Node would then expect “localhost”.
      ssl:
        typeof authority === 'string'
          ? { host: name, ca: certificate(authority) }
          : verifies(ssl)
            ? { host: name }
            : ssl,
    }))
  })
}

const verifies = (ssl: Target['ssl']): boolean => ssl === true || (typeof ssl === 'string' && ssl.startsWith('verify'))

/** Nothing is connected. The address holds a password and is not repeated. */
function optionsOf(url: string): postgres.ParsedOptions {
  try {
    return postgres(url).options
  } catch {
    throw new StorageUnfit('The address of the database cannot be read.')
  }
}

function certificate(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    throw new StorageUnfit('The file that sslrootcert names cannot be read.')
  }
}

/** Gives a connection to the primary, asking again until `until` (performance.now()). */
export function primaryFinder(
  targets: readonly Target[],
  options: Overrides & { patience: number },
): { find(until: number): Promise<Primary>; newest(): number } {
  let newestTimeline = 0

  async function ask(target: Target): Promise<Primary> {
    const session = openSession(target, Math.ceil(options.patience / 3))
    try {
      const engine = await engineOf(session, options)
      const timeline = engine === 'postgresql' ? await prepareSession(session, options.patience, options) : 0
      if (engine === 'other') await session.command("SET search_path TO 'coffer_vault'")
      return { session, engine, timeline }
    } catch (error) {
      session.destroy('not needed')
      if (error instanceof StatementRefused && unfitCodes.test(error.code)) {
        throw new StorageUnfit(`${session.address} does not let the vault in (${error.code}).`)
      }
      throw error
    }
  }
  /** All primaries among the servers that answer before the grace of the first is over. */
  function askAll(): Promise<{ found: Primary[]; reasons: unknown[] }> {
    return new Promise((resolve) => {
      const found: Primary[] = []
      const reasons: unknown[] = []
      let silent = targets.length
      let over = false
      let timer: NodeJS.Timeout | undefined
      const finish = (): void => {
        over = true
        clearTimeout(timer)
        resolve({ found, reasons })
      }
      for (const target of targets) {
        void ask(target)
          .then(
            (primary) => {
              if (over) return primary.session.destroy('too late')
              found.push(primary)
              timer ??= setTimeout(finish, grace)
            },
            (reason: unknown) => reasons.push(reason),
          )
          .then(() => {
            silent -= 1
            if (silent === 0 && !over) finish()
          })
      }
    })
  }
  return {
    newest: () => newestTimeline,
    find: async (until) => {
      for (;;) {
        const { found, reasons } = await askAll()
        const [best, ...others] = found.toSorted((a, b) => b.timeline - a.timeline)
        for (const { session } of others) session.destroy('another server is newer')
        if (best && best.timeline >= newestTimeline) {
          newestTimeline = best.timeline
          return best
        }
        best?.session.destroy('its timeline is over')
        const unfit = reasons.find((it) => it instanceof StorageUnfit)
        if (unfit) throw unfit
        if (performance.now() + betweenRounds > until) {
          const why = best
            ? 'its timeline is over'
            : reasons.map((it) => (it instanceof Error ? it.message : '')).join('; ')
          throw new StorageUnavailable(`no server takes writes: ${why}`)
        }
        await pause(betweenRounds)
      }
    },
  }
}
