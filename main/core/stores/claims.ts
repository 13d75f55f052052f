/**
 * Databases that this process has open where their owners keep them. POSIX locks belong to the process: closing any
 * descriptor of such a file would drop the locks that keep a snapshot together. So a file is claimed before
 * SQLite opens it, and nobody in this process opens it again until the claim is given back.
 *
 * The one piece of state that modules share, because the locks it stands for are shared in the same way.
 */
const claimed = new Set<string>()

/** True if the file is claimed: then it must not be opened, not even to look. `path` is absolute, without links. */
export function isClaimed(path: string): boolean {
  return claimed.has(path)
}

/** Claims a file and gives the function that gives it back, or undefined if it is claimed already. */
export function claim(path: string): (() => void) | undefined {
  if (claimed.has(path)) return undefined
  claimed.add(path)
  return () => claimed.delete(path)
}
