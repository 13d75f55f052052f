/** Where in a command's run a signal may come: measured on an undisturbed one, chosen by a seed. */
import type { Random } from '../fixtures/random.ts'
import type { Life } from './life.ts'
import { backupArgs, forgetArgs, type Moment, restoreArgs, succeeded } from './rounds.ts'

/** What an undisturbed run of a command was like. */
export interface Span {
  calls: number
  /** From the start of the process to its end. */
  ms: number
}

export interface Spans {
  backup: Span
  forget: Span
  restore: Span
}

/** Makes the archive, empty as yet. */
export async function makeArchive(life: Life): Promise<void> {
  succeeded(await life.person.coffer('init', 'archive', '--key-out', 'key.txt', '--no-keychain', '--json'))
}

/** Makes the archive, lets three days pass, and runs each command undisturbed. */
export async function beginLife(life: Life): Promise<Spans> {
  await makeArchive(life)
  const measure = async (args: readonly string[]): Promise<Span & { result: Record<string, unknown> }> => {
    const { ended, calls, ms } = await life.measure(args)
    return { calls: calls.length, ms, result: succeeded(ended) }
  }
  const backUp = async (): Promise<Span> => {
    const { result, ...span } = await measure(backupArgs)
    life.told.set(String(result['snapshot']), life.content())
    return span
  }
  await backUp()
  life.day()
  await backUp()
  life.day()
  const backup = await backUp()
  const forget = await measure(forgetArgs)
  for (const id of [...life.told.keys()].slice(0, -2)) life.told.delete(id)
  const restore = await measure([...restoreArgs.slice(0, 2), 'at-first'])
  return { backup, forget, restore }
}

/** A moment within a span: at a call, or at a time. */
export function momentIn({ calls, ms }: Span, random: Random, by: 'call' | 'time'): Moment {
  if (by === 'call') return { at: 1 + random.below(calls), when: random.pick(['before', 'after']) }
  // Before that, only Node itself is being loaded.
  const first = Math.min(150, ms / 2)
  return { ms: Math.round(first + random.fraction() * (ms - first)) }
}
