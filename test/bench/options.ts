/** What the person asked the benchmark for. */
import { parseArgs } from 'node:util'

export const measures = ['full', 'verify', 'restore', 'day', 'vacuum', 'memory', 'history', 'list', 'million'] as const
export type Measure = (typeof measures)[number]

export interface Options {
  measures: ReadonlySet<Measure>
  /** A tenth of everything, one pair: to see that it runs, not to judge by. */
  quick: boolean
  /** How many interleaved pairs the medians are of. */
  pairs: number
  /** Puts the figures into docs/BENCHMARKS.md. */
  write: boolean
}

export const usage = `npm run bench -- [options]

  --quick          a tenth of the size, one pair; under a minute
  --only a,b       some of: ${measures.join(', ')}
  --million        also a day beside one million unchanged small files (making them takes minutes)
  --pairs n        interleaved pairs, default 5
  --write          put the figures into docs/BENCHMARKS.md (not with --quick)

COFFER_BENCH_DIR is where the workload is kept, about 15 GB while it runs; default: coffer-bench in the
system's folder for temporary files.`

/** The options, or a sentence saying what is wrong with them. */
export function readOptions(args: string[]): Options | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
        million: { type: 'boolean', default: false },
        pairs: { type: 'string' },
        write: { type: 'boolean', default: false },
      },
    })
    const named = values.only?.split(',').map((name) => name.trim())
    const unknown = named?.find((name) => !isMeasure(name))
    if (unknown !== undefined) return `There is no measure “${unknown}”.`
    // One million files take minutes to make: only when asked for.
    const chosen = new Set(named?.filter(isMeasure) ?? measures.filter((name) => name !== 'million'))
    if (values.million) chosen.add('million')
    const pairs = Number(values.pairs ?? (values.quick ? 1 : 5))
    if (!Number.isInteger(pairs) || pairs < 1) return '--pairs takes a whole number from 1.'
    if (values.write && values.quick)
      return 'Figures of a quick run are not for the page: leave out --quick or --write.'
    return { measures: chosen, quick: values.quick, pairs, write: values.write }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function isMeasure(name: string): name is Measure {
  return measures.some((known) => known === name)
}
