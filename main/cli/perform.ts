/** Runs a command's work and says how it ended: the one place where results, warnings and errors are written. */
import { CofferError } from '../../contract/errors.ts'
import type { OnProgress } from '../core/jobs/progress.ts'
import { askForKey } from './ask-key.ts'
import { askForPassword } from './ask-password.ts'
import { cofferHome } from './home.ts'
import { listenForInterrupts } from './interrupts.ts'
import { describeFailure, exitOf, jsonDocument, type Outcome, warningLines } from './output.ts'
import { progressBar } from './progress-bar.ts'
import type { Surroundings } from './surroundings.ts'

/** What a command works with. */
export interface Desk {
  world: Surroundings
  /** COFFER_HOME or its like, absolute. */
  home: string
  /** Aborted by Ctrl-C. */
  signal: AbortSignal
  onProgress: OnProgress
  /** Tells the person something that is neither result nor error; not with --json. */
  note: (text: string) => void
  /** Asks for a key on the terminal; undefined where there is none. */
  ask: ((question: string) => Promise<string>) | undefined
  /** Asks for a password on the terminal; undefined where there is none. */
  askPassword: ((question: string) => Promise<Buffer>) | undefined
}

export type Work = (desk: Desk) => Promise<Outcome>

/** Does the work and writes its outcome. `next` is the advice for usage errors. Gives the exit code; never throws. */
export async function perform(
  world: Surroundings,
  options: { json: boolean; next?: string },
  work: Work,
): Promise<number> {
  const { stdin, stdout, stderr } = world
  const bar = progressBar(stderr, { quiet: options.json, now: world.elapsed })
  const say = (text: string): void => {
    bar.clear()
    stderr.write(`${text}\n`)
  }
  const abort = new AbortController()
  const stopListening = listenForInterrupts(world.signals, {
    first: () => {
      abort.abort(new CofferError('cancelled'))
      if (stderr.isTTY) say('Stopping … (Ctrl-C again ends it at once)')
    },
    again: () => {
      bar.clear()
      world.endNow()
    },
  })
  const person = stdin.isTTY && stderr.isTTY
  try {
    const outcome = await work({
      world,
      home: cofferHome(world),
      signal: abort.signal,
      onProgress: bar.onProgress,
      note: options.json ? () => undefined : say,
      ask: person ? (question) => askForKey(stdin, stderr, question) : undefined,
      askPassword: person ? (question) => askForPassword(stdin, stderr, question) : undefined,
    })
    bar.clear()
    if (options.json) stdout.write(jsonDocument(outcome.json, stdout.isTTY ?? false))
    else if (outcome.text !== '') stdout.write(`${outcome.text}\n`)
    if (!options.json && outcome.warnings?.length) say(`\n${warningLines(outcome.warnings)}`)
    return exitOf(outcome)
  } catch (thrown) {
    bar.clear()
    return writeFailure(world, options, abort.signal.aborted && isAbort(thrown) ? new CofferError('cancelled') : thrown)
  } finally {
    stopListening()
  }
}

/** Writes what went wrong; with --json that is the result. Gives the exit code. */
export function writeFailure(world: Surroundings, options: { json: boolean; next?: string }, error: unknown): number {
  const isUsage = error instanceof CofferError && error.code === 'usage'
  const failure = describeFailure(error, isUsage ? options.next : undefined)
  if (options.json) world.stdout.write(jsonDocument(failure.json, world.stdout.isTTY ?? false))
  else world.stderr.write(`${failure.text}\n`)
  return failure.exit
}

/** What Node's own functions throw when their signal is aborted. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
