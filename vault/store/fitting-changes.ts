/**
 * What a group may write, whatever the engine. These are our own mistakes, not an adversary's: an engine that accepted
 * them would break the one thing that everybody relies on, that the log's places count on without gaps.
 */
import type { Changes, StoredHead } from './storage.ts'

/** Throws if the entries do not follow `head` one by one, or the new head does not stand at the last of them. */
export function checkFit(head: StoredHead | undefined, changes: Changes): void {
  let place = head?.place ?? 0
  for (const entry of changes.entries) {
    place += 1
    if (entry.place !== place) throw new Error(`log entry ${entry.place} where ${place} is next`)
  }
  if (changes.head.place !== place) throw new Error(`log head at ${changes.head.place}, its last entry at ${place}`)
}

/** Throws if the log would begin after the checkpoint ends: neither would know of what lies between. */
export function checkKept(place: number, keepFrom: number): void {
  if (keepFrom > place + 1) throw new Error(`log kept from ${keepFrom} only, checkpoint at ${place}`)
}
