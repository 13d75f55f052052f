/**
 * One round: a store's first backup, its proof, its restore, the next day, and the day after a VACUUM, by every tool
 * in turn, each measure by one tool right after the other. Every round begins with empty repositories.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { compareFolders } from '../demo/same-files.ts'
import { folderBytes } from './folder-bytes.ts'
import type { LiveStore } from './live-store.ts'
import type { Measure } from './options.ts'
import { run, sync } from './run-program.ts'
import type { Samples } from './samples.ts'
import type { Tool, ToolInUse, ToolName } from './tool.ts'

export interface Round {
  live: LiveStore
  /** An empty folder, which is gone afterwards. */
  folder: string
  tools: readonly Tool[]
  measures: ReadonlySet<Measure>
  samples: Samples
  /** Reads what was restored and compares it; once is enough, and takes seconds. */
  compare: boolean
  say: (text: string) => void
}

type InUse = readonly [ToolName, ToolInUse][]

export async function runRound(round: Round): Promise<void> {
  const { live, folder, measures, samples, say } = round
  live.become('base')
  const inUse: [ToolName, ToolInUse][] = []
  for (const tool of round.tools) inUse.push([tool.name, await tool.begin(live, join(folder, tool.name))])

  await backUp(round, inUse, 'full')
  if (measures.has('full')) await copy(round)
  if (measures.has('verify')) {
    for (const [name, tool] of inUse) {
      say(`verify, ${name}`)
      await sync()
      samples.add('verify, seconds', name, (await tool.verify()).seconds)
    }
  }
  if (measures.has('restore')) {
    const beside = inUse.filter(([name]) => name !== 'borg')
    await restore(round, beside, 'restore unchecked', { withoutCheck: true })
    await restore(round, inUse, 'restore')
  }
  if (measures.has('day') || measures.has('vacuum')) {
    live.become('day')
    await backUp(round, inUse, 'day')
  }
  if (measures.has('vacuum')) {
    live.become('later')
    await backUp(round, inUse, 'vacuum')
    if (measures.has('restore')) await restore(round, inUse, 'restore of the third')
  }
  rmSync(folder, { recursive: true, force: true })
}

async function backUp({ samples, say }: Round, inUse: InUse, measure: string): Promise<void> {
  for (const [name, tool] of inUse) {
    say(`${measure}, ${name}`)
    const before = folderBytes(tool.repository)
    await sync()
    samples.add(`${measure}, seconds`, name, (await tool.backup()).seconds)
    samples.add(`${measure}, bytes`, name, folderBytes(tool.repository) - before)
  }
}

async function restore(round: Round, inUse: InUse, measure: string, options = { withoutCheck: false }): Promise<void> {
  for (const [name, tool] of inUse) {
    round.say(`${measure}, ${name}`)
    const target = join(round.folder, `restored-${name}-${measure}`)
    await sync()
    const { seconds, restored } = await tool.restore(target, options)
    round.samples.add(`${measure}, seconds`, name, seconds)
    if (round.compare) requireSame(name, round.live.folder, restored)
  }
  // Deleted with the round: some file systems are slow to make files where some were just deleted, and the next would pay.
}

/** A restore that is quick and wrong is none. */
function requireSame(name: string, expected: string, restored: string): void {
  const { differences } = compareFolders(expected, restored)
  if (differences.length > 0) throw new Error(`${name} did not restore what it was given: ${differences.join(' ')}`)
}

/** The yardstick: what this machine needs to copy the same bytes until they are on the disk. */
async function copy({ live, folder, samples, say }: Round): Promise<void> {
  say('full, cp -r and sync')
  const target = join(folder, 'copied')
  await sync()
  const started = performance.now()
  await run('cp', ['-r', live.folder, target])
  await sync()
  samples.add('full, seconds', 'copy', (performance.now() - started) / 1000)
}
