/** Which snapshots a rule lets go. */
import type { Manifest } from '../format/manifest.ts'

/**
 * smart: of the last 24 hours one an hour, of the last 31 days one a day, of all earlier ones one a month, each time
 * the newest. all: every one. last: so many of the newest.
 *
 * Hours, days and months are UTC's: the same snapshots stay whichever computer is asked, wherever it has travelled and
 * on the days on which clocks change.
 */
export type KeepRule = 'smart' | 'all' | { last: number }

const hourMs = 3_600_000
const hourlyForMs = 24 * hourMs
const dailyForMs = 31 * 24 * hourMs

/** The snapshots that the rule lets go; `manifests` are oldest first. The newest is never among them. */
export function notKept(manifests: readonly Manifest[], rule: KeepRule, now: Date): Manifest[] {
  if (rule === 'all') return []
  if (rule !== 'smart') return manifests.slice(0, -Math.max(1, rule.last))
  const taken = new Set<string>()
  const gone: Manifest[] = []
  for (const manifest of manifests.toReversed()) {
    const period = periodOf(manifest.createdAt, now.getTime())
    if (taken.has(period)) gone.push(manifest)
    taken.add(period)
  }
  return gone.reverse()
}

/** Which hour, day or month a snapshot stands for. One from the future, by a clock that was wrong, stands for its hour. */
function periodOf(createdAt: number, now: number): string {
  const text = new Date(createdAt).toISOString()
  const age = now - createdAt
  // From the end, since years before 0 and after 9999 have more digits.
  if (age < hourlyForMs) return text.slice(0, -':00:00.000Z'.length)
  return age < dailyForMs ? text.slice(0, -'T00:00:00.000Z'.length) : text.slice(0, -'-00T00:00:00.000Z'.length)
}
