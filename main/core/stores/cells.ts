/** Values out of databases that nobody vouches for: a column may hold anything, whatever its schema promises. */
import type { Database } from 'better-sqlite3'

/** Seconds from 1970 to 2001, where Apple's clocks begin. */
const appleEpoch = 978_307_200

/** The first row, or an empty one. */
export function oneRow(db: Database, sql: string): Record<string, unknown> {
  return db.prepare<[], Record<string, unknown>>(sql).get() ?? {}
}

/** A count, a size: a whole number of at least 0, else 0. */
export function wholeNumber(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}

/** ms since 1970; null for 0, nonsense and what no calendar holds. */
export function timeFromMilliseconds(value: unknown): Date | null {
  if (typeof value !== 'number' || value <= 0) return null
  const time = new Date(Math.round(value))
  return Number.isFinite(time.getTime()) ? time : null
}

/** Seconds since 2001, with a fraction. */
export function timeFromAppleSeconds(value: unknown): Date | null {
  return typeof value === 'number' && value > 0 ? timeFromMilliseconds((value + appleEpoch) * 1000) : null
}
