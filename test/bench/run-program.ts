/** Runs a program to its end, and says how long it took and what it held. */
import { spawn, spawnSync } from 'node:child_process'
import { watchMemory } from './process-memory.ts'

export interface Run {
  seconds: number
  /** Bytes, of all processes together; 0 when nobody watched. */
  peak: number
  stdout: string
}

export interface RunOptions {
  cwd?: string
  env?: Record<string, string>
  /** Watching costs some time itself, so what is timed against others is not watched. */
  watchMemory?: boolean
}

/** Longer than anything here takes: a program that hangs is ended, so that someone hears of it. Milliseconds. */
const limit = 20 * 60_000

/** Runs it with nothing on its standard input; throws with its last words unless it ends with 0. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const started = performance.now()
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...plainEnvironment(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limit,
    killSignal: 'SIGKILL',
  })
  running.add(child)
  const peakSoFar = options.watchMemory && child.pid !== undefined ? watchMemory(child.pid) : () => 0
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr = (stderr + chunk).slice(-2000)))
  let seconds = 0
  child.on('exit', () => (seconds = (performance.now() - started) / 1000))
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', resolve)
    })
    if (code !== 0) {
      const words = `${stderr}\n${stdout.slice(-2000)}`.trim()
      throw new Error(`“${[program, ...args].join(' ')}” ended with ${code ?? 'a signal'}:\n${words}`)
    }
    return { seconds, peak: peakSoFar(), stdout }
  } finally {
    peakSoFar()
    running.delete(child)
  }
}

const running = new Set<ReturnType<typeof spawn>>()

/** Ends what is still running: for a benchmark that is interrupted. */
export function stopAll(): void {
  for (const child of running) child.kill('SIGKILL')
}

/** Waits until the disk has everything, so that no measure pays for the one before. */
export async function sync(): Promise<void> {
  await run('sync', [])
}

/** The first line that `program --version` or the like prints; undefined when it is not installed. */
export function versionOf(program: string, argument: string): string | undefined {
  const { status, stdout } = spawnSync(program, [argument], { encoding: 'utf8' })
  return status === 0 ? stdout.split('\n', 1)[0]?.trim() : undefined
}

/** Ours without what would change how a program behaves: no key, no home, no repository of the person's. */
function plainEnvironment(): Record<string, string> {
  const theirs = /^(COFFER_|RESTIC_|BORG_|MALLOC_|NODE_OPTIONS$)/
  const kept = Object.entries(process.env).filter(([name]) => !theirs.test(name))
  // Entries of the environment that exist have a value.
  return Object.fromEntries(kept) as Record<string, string>
}
