/** Runs the real command line in a process of its own, as a person on a computer that has never seen Coffer. */
import { spawn, type ChildProcess } from 'node:child_process'
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const bin = join(import.meta.dirname, '..', '..', 'main', 'cli', 'bin.ts')

/** Nothing here takes a tenth of it, ms: what is not done by then hangs, and the test must say so. */
const limit = 120_000

export interface Ended {
  /** Null when a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** Standard output as the one JSON document it has to be; throws when it is not one. */
  json: unknown
}

export interface Person {
  /** A folder of their own; relative paths start here. */
  folder: string
  /** What Coffer remembers, inside `folder`: another name is another computer. */
  home: string
  coffer(...args: string[]): Promise<Ended>
  /** The same, not waited for. */
  start(
    args: readonly string[],
    env?: Record<string, string | undefined>,
    input?: string | Uint8Array,
  ): { child: ChildProcess; ended: Promise<Ended> }
  /** The same with this on standard input. */
  given(input: string | Uint8Array): (...args: string[]) => Promise<Ended>
  /** The same with these variables. */
  with(env: Record<string, string>): (...args: string[]) => Promise<Ended>
  leave(): void
}

/** Root may do everything, so that what permissions forbid is shown by somebody else. */
const somebody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

/**
 * Someone without a keychain; whoever has called this calls `leave` at the end. With `ordinary` it is not root, also
 * when the tests are run by root: what permissions forbid is then forbidden.
 */
export function newPerson({ ordinary = false } = {}): Person {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-cli-'))
  const who = ordinary ? somebody : {}
  if (who.uid !== undefined) chownSync(folder, who.uid, who.gid)
  const home = join(folder, 'home')
  // Nothing of the person who runs the tests: no keychain, no key, no usual folders. The arenas variable spares each
  // run its second start; little-memory has its own test.
  const base = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    COFFER_HOME: home,
    TZ: 'UTC',
    MALLOC_ARENA_MAX: '2',
    // Compiled code of earlier runs: half of the time that each of them takes.
    NODE_COMPILE_CACHE: ordinary
      ? join(folder, 'compiled')
      : join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'coffer-tests'),
  }
  const start: Person['start'] = (args, env = {}, input) => {
    const child = spawn(process.execPath, ['--report-on-signal', `--report-directory=${folder}`, bin, ...args], {
      cwd: folder,
      env: { ...base, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...who,
    })
    // A command that ends without having read everything is no fault of the pipe.
    child.stdin?.on('error', () => undefined).end(input)
    return { child, ended: ending(child, folder, args) }
  }
  return {
    folder,
    home,
    start,
    coffer: (...args) => start(args).ended,
    given:
      (input) =>
      (...args) =>
        start(args, {}, input).ended,
    with:
      (env) =>
      (...args) =>
        start(args, env).ended,
    leave: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function ending(child: ChildProcess, folder: string, args: readonly string[]): Promise<Ended> {
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
    })
  }
  return new Promise((resolve, reject) => {
    let hung = false
    const timer = setTimeout(() => {
      hung = true
      // Node then writes down what it was doing; if it cannot even do that, it is ended without.
      child.kill('SIGUSR2')
      setTimeout(() => child.kill('SIGKILL'), 3000)
    }, limit)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (hung)
        reject(
          new Error(
            `coffer ${args.join(' ')} was still running after ${limit / 1000} s\n${text.stderr}\n${lastReport(folder)}`,
          ),
        )
      resolve({
        code,
        signal,
        ...text,
        get json(): unknown {
          return JSON.parse(text.stdout) as unknown
        },
      })
    })
  })
}

/** What the process was doing: the lines of Node's report that tell. */
function lastReport(folder: string): string {
  const name = readdirSync(folder).findLast((name) => /^report\..*\.json$/.test(name))
  if (name === undefined) return 'It left no report.'
  // Node wrote it.
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Record<string, unknown>
  return JSON.stringify({ stack: report['javascriptStack'], handles: report['libuv'], threads: report['workers'] })
}
