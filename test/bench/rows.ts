/** From figures to lines of a table, each beside what was asked for. */
import type { Samples, Who } from './samples.ts'

export interface Row {
  what: string
  coffer: string
  restic: string
  borg: string
  copy: string
  /** The figure that is judged. */
  figure: string
  target: string
  /** Undefined where nothing was asked for, or its peer is not installed. */
  met: boolean | undefined
}

/** What a day's backup cannot be smaller than, in bytes. */
export interface Ideal {
  day: number
}

/** All lines of which there are figures, in the order they are shown. */
export function rowsOf(samples: Samples, ideal: Ideal | undefined): Row[] {
  const rows = [
    speed(samples, 'First backup', 'full', 1.5),
    size(samples, 'First backup, stored', 'full'),
    speed(samples, 'Verify, reading everything', 'verify', 1.3),
    speed(samples, 'Restore, every page and piece verified', 'restore unchecked', 1.2),
    speed(samples, 'Restore, and quick_check', 'restore', 1),
    // Four fifths of the time.
    speed(samples, 'The day', 'day', 1.25),
    ideal && idealDay(samples, ideal),
    smaller(samples, 'The day, added', 'day', 10),
    speed(samples, 'The day after VACUUM', 'vacuum'),
    smaller(samples, 'The day after VACUUM, added', 'vacuum', 1),
    speed(samples, 'Restore after these days', 'restore of the third'),
    memory(samples, 'Peak memory, first backup', 'memory full whole'),
    memory(samples, 'Peak memory, a tenth of the store', 'memory full tenth'),
    growth(samples),
    linear(samples),
    memory(samples, 'Peak memory, verify', 'memory verify'),
    memory(samples, 'Peak memory, restore', 'memory restore'),
    memory(samples, 'Peak memory, the day', 'memory day'),
    lateSnapshot(samples),
    timeOf(samples, 'List of all snapshots, new computer', 'list from folder', 2),
    timeOf(samples, 'List of all snapshots, same computer', 'list from memory'),
    timeOf(samples, 'A million files, first backup', 'million first'),
    timeOf(samples, 'A million files, the day', 'million day'),
    memory(samples, 'A million files, peak memory, first', 'million first', null),
    memory(samples, 'A million files, peak memory, the day', 'million day'),
    metadata(samples),
  ]
  return rows.filter((row) => row !== undefined)
}

type Verdict = Pick<Row, 'figure' | 'target' | 'met'>
const unjudged: Verdict = { figure: '', target: '', met: undefined }

/** A line of medians, unless Coffer has none there. */
function line(
  samples: Samples,
  what: string,
  measure: string,
  show: (n: number) => string,
  verdict: Verdict,
): Row | undefined {
  const cell = (who: Who): string => {
    const value = samples.median(measure, who)
    return value === undefined ? '' : show(value)
  }
  if (cell('coffer') === '') return undefined
  return { what, coffer: cell('coffer'), restic: cell('restic'), borg: cell('borg'), copy: cell('copy'), ...verdict }
}

/** A line that is about Coffer alone. */
function ownRow(what: string, coffer: string, verdict: Verdict): Row {
  return { what, coffer, restic: '', borg: '', copy: '', ...verdict }
}

function speed(samples: Samples, what: string, measure: string, least?: number): Row | undefined {
  const times = samples.times(`${measure}, seconds`, 'restic')
  return line(samples, what, `${measure}, seconds`, seconds, {
    figure: times === undefined ? '' : `${times.toFixed(2)} × as fast`,
    target: least === undefined ? '' : `at least ${least} × restic`,
    met: least === undefined || times === undefined ? undefined : times >= least,
  })
}

function size(samples: Samples, what: string, measure: string): Row | undefined {
  return line(samples, what, `${measure}, bytes`, megabytes, unjudged)
}

/** Added bytes, which restic's must be more than `least` times of. */
function smaller(samples: Samples, what: string, measure: string, least: number): Row | undefined {
  const times = samples.times(`${measure}, bytes`, 'restic')
  return line(samples, what, `${measure}, bytes`, megabytes, {
    figure: times === undefined ? '' : `${times.toFixed(1)} × less`,
    target: least === 1 ? 'less than restic' : `less than 1/${least} of restic`,
    met: times === undefined ? undefined : times > least,
  })
}

function idealDay(samples: Samples, ideal: Ideal): Row | undefined {
  const ours = samples.median('day, bytes', 'coffer')
  if (ours === undefined) return undefined
  const ratio = ours / ideal.day
  const figure = `${ratio.toFixed(3)} × ${megabytes(ideal.day)}`
  const verdict = { figure, target: 'at most 1.1 ×', met: ratio <= 1.1 }
  return ownRow('The day, beside what it cannot be less than', megabytes(ours), verdict)
}

const mostMemory = 350e6

function memory(samples: Samples, what: string, measure: string, most: number | null = mostMemory): Row | undefined {
  const peak = samples.median(`${measure}, bytes`, 'coffer')
  if (peak === undefined) return undefined
  const verdict = most === null ? unjudged : { figure: '', target: `at most ${megabytes(most)}`, met: peak <= most }
  return line(samples, what, `${measure}, bytes`, megabytes, verdict)
}

function growth(samples: Samples): Row | undefined {
  const [whole, tenth] = (['whole', 'tenth'] as const).map((size) =>
    samples.median(`memory full ${size}, bytes`, 'coffer'),
  )
  if (whole === undefined || tenth === undefined) return undefined
  const more = whole - tenth
  const verdict = { figure: '', target: 'at most 64 MB', met: more <= 64e6 }
  return {
    what: 'Ten times the store, more memory',
    coffer: megabytes(more),
    restic: '',
    borg: '',
    copy: '',
    ...verdict,
  }
}

/** The start of the program counts once in both, so that linear cost is a little under ten. */
function linear(samples: Samples): Row | undefined {
  const [whole, tenth] = (['whole', 'tenth'] as const).map((size) =>
    samples.median(`watched full ${size}, seconds`, 'coffer'),
  )
  if (whole === undefined || tenth === undefined) return undefined
  const times = whole / tenth
  const verdict = { figure: '', target: 'at most 10 ×', met: times <= 10 }
  return {
    what: 'Ten times the store, more time',
    coffer: `${times.toFixed(1)} ×`,
    restic: '',
    borg: '',
    copy: '',
    ...verdict,
  }
}

/** A tenth more is what medians of five of such short runs differ by anyway. */
function lateSnapshot(samples: Samples): Row | undefined {
  const early = samples.median('early snapshot, seconds', 'coffer')
  const late = samples.median('late snapshot, seconds', 'coffer')
  if (early === undefined || late === undefined) return undefined
  const verdict = { figure: `early ones ${seconds(early)}`, target: 'at most 1.1 ×', met: late <= early * 1.1 }
  return ownRow('A late snapshot (200th)', seconds(late), verdict)
}

/** Coffer's own time, under `most` seconds where that is asked for. */
function timeOf(samples: Samples, what: string, measure: string, most = Infinity): Row | undefined {
  const median = samples.median(`${measure}, seconds`, 'coffer')
  const judged = { figure: '', target: `under ${most} s`, met: median !== undefined && median < most }
  return line(samples, what, `${measure}, seconds`, seconds, most === Infinity ? unjudged : judged)
}

function metadata(samples: Samples): Row | undefined {
  const bytes = samples.median('million metadata, bytes', 'coffer')
  const verdict = { figure: '', target: 'at most 1 MB', met: bytes !== undefined && bytes <= 1e6 }
  return line(samples, 'A million files, metadata of the day', 'million metadata, bytes', megabytes, verdict)
}

function seconds(value: number): string {
  return `${value.toFixed(value < 9.95 ? 2 : 1)} s`
}

/** Millions of bytes. */
function megabytes(value: number): string {
  const millions = value / 1e6
  return `${millions.toFixed(Math.abs(millions) < 0.995 ? 3 : Math.abs(millions) < 99.5 ? 1 : 0)} MB`
}
