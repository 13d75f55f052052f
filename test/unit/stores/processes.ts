/** Other processes that use a database, for tests: POSIX locks show only between processes. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export interface Writer {
  /** Resolves when it has committed that many times more. */
  lap(commits: number): Promise<void>
  /** Closes the database properly. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
}

/** Commits every 5 ms, or every `rest` ms (test/fixtures/busy-writer.ts); killed after the test at the latest. */
export async function startWriter(
  path: string,
  options: { journal?: 'wal' | 'delete'; seed?: number; pageSize?: number; rest?: number } = {},
): Promise<Writer> {
  const { journal = 'wal', seed = 1, pageSize = 4096, rest = 5 } = options
  const child = start('busy-writer.ts', [path, journal, String(seed), String(pageSize), String(rest)])
  await hear(child, 'ready')
  return {
    async lap(commits) {
      child.send({ lap: commits })
      await hear(child, 'lap')
    },
    async stop() {
      child.send('stop')
      await once(child, 'exit')
    },
    kill: () => kill(child),
  }
}

/** Opens and closes the database all the time (test/fixtures/comes-and-goes.ts). `lap` counts rounds. */
export async function startComingAndGoing(path: string, seed: number): Promise<Pick<Writer, 'lap' | 'kill'>> {
  const child = start('comes-and-goes.ts', [path, String(seed)])
  await hear(child, 'ready')
  return {
    async lap(rounds) {
      child.send(rounds)
      await hear(child, 'lap')
    },
    kill: () => kill(child),
  }
}

export interface Owner {
  /** Runs statements, separated by `;`. Throws if SQLite refuses. */
  run(sql: string): Promise<void>
  /** Closes the database; the process stays. */
  close(): Promise<void>
  kill(): Promise<void>
}

/** Has a database open and does what it is told (test/fixtures/owner.ts). */
export async function startOwner(path: string): Promise<Owner> {
  const child = start('owner.ts', [path])
  await hear(child, 'ready')
  const run = async (sql: string) => {
    child.send(sql)
    await hear(child, 'done')
  }
  return { run, close: () => run('close'), kill: () => kill(child) }
}

function start(script: string, args: string[]): ChildProcess {
  const child = fork(join(import.meta.dirname, '../../fixtures', script), args, { execArgv: [] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

async function hear(child: ChildProcess, word: string): Promise<void> {
  const enough = new AbortController()
  try {
    const { signal } = enough
    const heard: unknown[] = await Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit', { signal }).then(() => ['ended']),
    ])
    if (heard[0] !== word) throw new Error(`waited for “${word}”, heard “${String(heard[0])}”`)
  } finally {
    enough.abort()
  }
}
