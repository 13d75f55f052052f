/**
 * Progress on standard error: a bar on a terminal, a plain line now and then elsewhere, nothing where a program reads
 * the result and nobody watches. Jobs report thousands of times a second; what is shown changes ten times.
 */
import type { OnProgress, Progress } from '../core/jobs/progress.ts'
import { bytes, duration, printable } from './words.ts'

export interface Watched {
  write(text: string): unknown
  isTTY?: boolean | undefined
  columns?: number | undefined
}

export interface ProgressBar {
  onProgress: OnProgress
  /** Clears the bar: before anything else is written there, and at the end. A later report draws it again. */
  clear(): void
}

const phases: Readonly<Record<Progress['phase'], string>> = {
  snapshot: 'Taking a snapshot',
  scan: 'Looking for changes',
  seal: 'Sealing',
  commit: 'Finishing',
  read: 'Reading',
  write: 'Writing',
  check: 'Checking',
  collect: 'Tidying up',
}

/** Milliseconds between two drawings of the bar, and between two plain lines of one phase. */
const redrawMs = 100
const lineMs = 10_000

/** `quiet`: plain lines are left out (a bar is still drawn on a terminal). `now` in milliseconds, monotonic. */
export function progressBar(stream: Watched, options: { quiet: boolean; now: () => number }): ProgressBar {
  if (stream.isTTY) return bar(stream, options.now)
  return options.quiet ? { onProgress: () => undefined, clear: () => undefined } : lines(stream, options.now)
}

function bar(stream: Watched, now: () => number): ProgressBar {
  const pace = measurePace(now)
  let drawnAt = -Infinity
  let visible = false
  return {
    onProgress(progress) {
      const rate = pace(progress)
      if (now() - drawnAt < redrawMs) return
      drawnAt = now()
      visible = true
      stream.write(`\r${barLine(progress, rate, (stream.columns || 80) - 1)}\x1b[K`)
    },
    clear() {
      if (visible) stream.write('\r\x1b[K')
      visible = false
      drawnAt = -Infinity
    },
  }
}

function lines(stream: Watched, now: () => number): ProgressBar {
  let phase: Progress['phase'] | undefined
  let saidAt = -Infinity
  return {
    onProgress({ phase: current, done, total }) {
      if (current === phase) {
        if (now() - saidAt < lineMs) return
        const far = total > 0 ? `${percent(done, total)} of ${bytes(total)}` : bytes(done)
        stream.write(`${phases[phase]}: ${far}\n`)
      } else {
        phase = current
        stream.write(`${phases[phase]}\n`)
      }
      saidAt = now()
    },
    clear: () => undefined,
  }
}

/** Bytes per second of the phase so far; undefined in its first second, when it would only flicker. */
function measurePace(now: () => number): (progress: Progress) => number | undefined {
  let phase: Progress['phase'] | undefined
  let startedAt = 0
  let startedWith = 0
  return (progress) => {
    if (progress.phase !== phase) {
      phase = progress.phase
      startedAt = now()
      startedWith = progress.done
    }
    const seconds = (now() - startedAt) / 1000
    return seconds < 1 ? undefined : (progress.done - startedWith) / seconds
  }
}

/** `Sealing  ██████░░░░░░  48 %  214 of 448 MB  310 MB/s  1 s left  msgstore.db`, cut to `width` columns. */
export function barLine({ phase, done, total, item }: Progress, rate: number | undefined, width: number): string {
  const parts = [phases[phase].padEnd(longestPhase)]
  if (total > 0) {
    parts.push(
      drawn(done / total, 20),
      percent(done, total).padStart(5),
      `${bytes(Math.min(done, total))} of ${bytes(total)}`,
    )
    if (rate !== undefined && rate > 0)
      parts.push(`${bytes(rate)}/s`, `${duration(Math.max(0, total - done) / rate)} left`)
  } else if (done > 0) {
    parts.push(bytes(done))
  }
  if (item !== undefined) parts.push(printable(item))
  return fit(parts.join('  '), width)
}

/** Cut to so many columns; a line that wraps could not be drawn over. */
function fit(text: string, width: number): string {
  let columns = 0
  let fitting = ''
  for (const character of text) {
    columns += wide.test(character) ? 2 : 1
    if (columns > width) return `${fitting}…`
    // The last column is kept for the ellipsis; a text that ends just here has no need of it.
    if (columns < width) fitting += character
  }
  return columns < width ? fitting : text
}

/** Characters that take two columns on a terminal, roughly: East Asian scripts and emoji. */
const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|\p{Emoji_Presentation}/u

const longestPhase = Math.max(...Object.values(phases).map((words) => words.length))

function drawn(share: number, cells: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * cells)
  return '█'.repeat(full) + '░'.repeat(cells - full)
}

/** Rounded down, so that 100 % means done. */
function percent(done: number, total: number): string {
  return `${Math.floor(Math.min(1, done / total) * 100)} %`
}
