/** The real command line, in a process of its own, on a computer that is a folder. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { isBuilt } from '../../scripts/bootstrap/build.mjs'
import { root } from '../../scripts/bootstrap/places.mjs'

/** What `coffer … --json` came to. */
export interface Answer {
  exit: number
  /** The one JSON document on standard output. */
  json: unknown
  /** From the start of the program to its end. */
  seconds: number
}

export interface Computer {
  /** What Coffer remembers there. */
  home: string
  /** The 64 digits, as typed by a person: handed over in the environment, where other users cannot see them. */
  digits?: string
}

/** Runs `coffer …args --json` there and waits for its end, whatever its exit code is. */
export async function coffer(computer: Computer, args: readonly string[]): Promise<Answer> {
  const started = performance.now()
  const child = spawn(process.execPath, [program(), ...args, '--json'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      COFFER_HOME: computer.home,
      ...(computer.digits === undefined ? {} : { COFFER_KEY: computer.digits }),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
  const exit = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { exit: exit ?? 1, json: JSON.parse(stdout) as unknown, seconds: (performance.now() - started) / 1000 }
}

/** The build, when it is one of these sources; otherwise the sources themselves, which take a little longer to start. */
function program(): string {
  return isBuilt(root) ? join(root, 'dist', 'coffer.js') : join(root, 'main', 'cli', 'bin.ts')
}
