/** How much memory a program and all it starts hold, sampled while they run. Linux only. */
import { readdirSync, readFileSync } from 'node:fs'

/** How often, in ms. */
const every = 20

/**
 * Watches the process `pid` and its descendants until the returned function is called, which gives the peak in bytes.
 * A process counts with its resident set, shared libraries and mapped files included: what it holds at most, not less.
 * The kernel's own high-water mark of the largest process bounds the answer from below, so that a spike between two
 * samples of a single process is not missed.
 */
export function watchMemory(pid: number): () => number {
  let peak = 0
  const sample = (): void => {
    let sum = 0
    for (const each of withDescendants(pid)) {
      const { now, high } = residentSet(each)
      sum += now
      peak = Math.max(peak, high)
    }
    peak = Math.max(peak, sum)
  }
  sample()
  const timer = setInterval(sample, every)
  return () => {
    clearInterval(timer)
    return peak
  }
}

function withDescendants(pid: number): number[] {
  const found = [pid]
  // Grows while it is walked.
  for (const each of found) {
    for (const thread of threadsOf(each)) {
      const children = read(`/proc/${each}/task/${thread}/children`)
      found.push(...children.split(' ').filter(Boolean).map(Number))
    }
  }
  return found
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    // It has just ended.
    return []
  }
}

/** In bytes; zeros once the process has ended. */
function residentSet(pid: number): { now: number; high: number } {
  const status = read(`/proc/${pid}/status`)
  const field = (name: string): number =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
  return { now: field('VmRSS'), high: field('VmHWM') }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
