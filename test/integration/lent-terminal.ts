/** A real terminal, lent by util-linux's `script`. */
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Person } from './command-line.ts'

export const hasScript = process.platform === 'linux' && spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0
if (!hasScript) process.stderr.write('skipped: the terminal tests, since there is no “script” to lend one\n')

/** Typed when the screen shows what it waits for. */
export interface TypedAnswer {
  when: RegExp
  type: string
}

/** Runs a command on a terminal of 100 columns, and types the answers one after the other. */
export function typeAt(
  person: Person,
  command: string,
  ...answers: TypedAnswer[]
): Promise<{ code: number | null; screen: string }> {
  const bin = join(import.meta.dirname, '..', '..', 'main', 'cli', 'bin.ts')
  const child = spawn(
    'script',
    ['-qec', `stty cols 100; exec '${process.execPath}' '${bin}' ${command}`, '/dev/null'],
    {
      cwd: person.folder,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: person.folder,
        COFFER_HOME: person.home,
        MALLOC_ARENA_MAX: '2',
        TERM: 'xterm',
      },
    },
  )
  let screen = ''
  let seen = 0
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    screen += chunk
    const [next] = answers
    const found = next?.when.exec(screen.slice(seen))
    if (!next || !found) return
    seen += found.index + found[0].length
    answers.shift()
    child.stdin.write(next.type)
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, screen })))
}
