/** `npm run bench`: speed, size and memory, beside restic and borg where they are installed (docs/BENCHMARKS.md). */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findBorg } from './borg.ts'
import { changedPages, sealedMedia } from './changed-pages.ts'
import { coffer } from './coffer.ts'
import { measureHistory, measureList } from './history.ts'
import { runRound } from './life.ts'
import { describeMachine } from './machine.ts'
import { measureMillion } from './million.ts'
import { type Measure, type Options, readOptions, usage } from './options.ts'
import { writePage } from './page.ts'
import { findRestic } from './restic.ts'
import { type Ideal, type Row, rowsOf } from './rows.ts'
import { stopAll } from './run-program.ts'
import { Samples } from './samples.ts'
import { measureScale } from './scale.ts'
import { tableOf } from './table.ts'
import { benchVault } from './vault/run.ts'
import { fraction, fullSize, prepareWorkload } from './workload.ts'

const [first, ...rest] = process.argv.slice(2)
const options = readOptions(process.argv.slice(2))
if (first === 'vault') {
  process.exitCode = await benchVault(rest)
} else if (typeof options === 'string') {
  console.error(`${options}\n\n${usage}`)
  process.exitCode = 2
} else {
  process.exitCode = await bench(options)
}

/** The exit code: 1 when a full run missed what was asked for. */
async function bench(options: Options): Promise<number> {
  const cache = process.env['COFFER_BENCH_DIR'] ?? join(tmpdir(), 'coffer-bench')
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, 'work-'))
  process.on('SIGINT', () => {
    stopAll()
    rmSync(work, { recursive: true, force: true })
    process.exit(130)
  })
  const peers = { restic: findRestic(), borg: findBorg() }
  const tools = [coffer, ...Object.values(peers).filter((tool) => tool !== undefined)]
  const missing = Object.entries(peers).flatMap(([name, tool]) => (tool ? [] : [name]))
  try {
    const rows = await measure({ options, cache, work, tools })
    const machine = describeMachine(tools)
    console.log(`\n${tableOf(rows, { missing })}\n\n${machine}; medians of ${options.pairs}`)
    if (options.quick) console.log('A quick run: a tenth of everything, to see that it works. It decides nothing.')
    if (options.write)
      console.log(`Written: ${await writePage(rows, { machine, date: new Date(), pairs: options.pairs })}`)
    return !options.quick && rows.some(({ met }) => met === false) ? 1 : 0
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

interface Bench {
  options: Options
  cache: string
  work: string
  tools: Parameters<typeof runRound>[0]['tools']
}

async function measure({ options, cache, work, tools }: Bench): Promise<Row[]> {
  const { measures, quick, pairs } = options
  const samples = new Samples()
  const folder = (name: string): string => join(work, name)
  const wants = (...names: Measure[]): boolean => names.some((name) => measures.has(name))
  // The size asked for, and a tenth of it.
  const [size, tenthSize] = quick
    ? [fraction(fullSize, 10), fraction(fullSize, 100)]
    : [fullSize, fraction(fullSize, 10)]
  const [name, tenthName] = quick ? ['tenth', 'hundredth'] : ['full', 'tenth']

  let ideal: Ideal | undefined
  if (wants('full', 'verify', 'restore', 'day', 'vacuum')) {
    const live = prepareWorkload(cache, name, size, say)
    ideal = {
      day: changedPages(live.databaseOf('base'), live.databaseOf('day')).sealed + sealedMedia(live.mediaOf('day')),
    }
    for (let i = 1; i <= pairs; i++) {
      const saying = (text: string): void => say(`pair ${i} of ${pairs}: ${text}`)
      // Who goes first changes, since the first pays for what lies before it.
      const order = i % 2 === 1 ? tools : tools.toReversed()
      await runRound({
        live,
        folder: folder(`pair-${i}`),
        tools: order,
        measures,
        samples,
        compare: i === 1,
        say: saying,
      })
    }
  }
  if (wants('memory')) {
    const stores = {
      whole: prepareWorkload(cache, name, size, say),
      tenth: prepareWorkload(cache, tenthName, tenthSize, say),
    }
    // A peer's memory is for comparison only: borg's is left out.
    const watched = tools.filter((tool) => tool.name !== 'borg')
    await measureScale({ stores, folder: folder('scale'), tools: watched, times: quick ? 1 : 3, samples, say })
  }
  if (wants('history')) {
    const history = quick ? { messages: 15_000, snapshots: 12 } : { messages: 150_000, snapshots: 200 }
    await measureHistory({ folder: folder('history'), samples, say }, history)
  }
  if (wants('list')) await measureList({ folder: folder('list'), samples, say }, quick ? 20 : 1000)
  if (wants('million')) await measureMillion({ folder: folder('million'), files: quick ? 100_000 : 1e6, samples, say })
  return rowsOf(samples, ideal)
}

/** What is being done, for whoever waits: on a terminal one line that changes. */
function say(text: string): void {
  const line = `${new Date().toISOString().slice(11, 19)}  ${text}`
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`)
  else process.stderr.write(`${line}\n`)
}
