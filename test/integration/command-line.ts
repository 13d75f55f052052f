/** Runs the real command line in a process of its own, as a person on a computer that has never seen Coffer. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const bin = join(import.meta.dirname, '..', '..', 'main', 'cli', 'bin.ts')

export interface Ended {
  code: number | null
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
  ): { child: ChildProcess; ended: Promise<Ended> }
  /** The same with these variables. */
  with(env: Record<string, string>): (...args: string[]) => Promise<Ended>
  leave(): void
}

/** Someone without a keychain; whoever has called this calls `leave` at the end. */
export function newPerson(): Person {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-cli-'))
  const home = join(folder, 'home')
  // Nothing of the person who runs the tests: no keychain, no key, no usual folders. The arenas variable spares each
  // run its second start; few-arenas has its own test.
  const base = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    COFFER_HOME: home,
    TZ: 'UTC',
    MALLOC_ARENA_MAX: '2',
    // Compiled code of earlier runs: half of the time that each of them takes.
    NODE_COMPILE_CACHE: join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'coffer-tests'),
  }
  const start: Person['start'] = (args, env = {}) => {
    const child = spawn(process.execPath, [bin, ...args], {
      cwd: folder,
      env: { ...base, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return { child, ended: ending(child) }
  }
  return {
    folder,
    home,
    start,
    coffer: (...args) => start(args).ended,
    with:
      (env) =>
      (...args) =>
        start(args, env).ended,
    leave: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function ending(child: ChildProcess): Promise<Ended> {
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      resolve({
        code,
        ...text,
        get json(): unknown {
          return JSON.parse(text.stdout) as unknown
        },
      })
    })
  })
}
