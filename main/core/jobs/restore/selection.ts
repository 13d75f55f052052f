/** Which files of a backup a person asked for. */
import picomatch from 'picomatch'

/** Whether a path of the archive is wanted. */
export type Selection = (path: string) => boolean

/**
 * A selection from patterns; none at all means everything. A pattern with a slash is matched against the path from
 * the archive's root, one without against every name along it; a folder that matches brings all that it holds.
 * `*`, `?`, `[…]`, `{a,b}` and `**` as in a shell; hidden files are files like others.
 */
export function selection(patterns: readonly string[]): Selection {
  if (patterns.length === 0) return () => true
  const options = { dot: true, nonegate: true }
  const [anchored, floating] = [patterns.filter((it) => it.includes('/')), patterns.filter((it) => !it.includes('/'))]
  const tests = [
    ...anchored.map((it) => ({ matches: picomatch(it.replace(/^\/+|\/+$/g, ''), options), names: false })),
    ...floating.map((it) => ({ matches: picomatch(it, options), names: true })),
  ]
  return (path) => {
    for (let start = 0, slash = 0; slash >= 0; start = slash + 1) {
      slash = path.indexOf('/', start)
      const upTo = path.slice(0, slash < 0 ? undefined : slash)
      const name = upTo.slice(start)
      if (tests.some(({ matches, names }) => matches(names ? name : upTo))) return true
    }
    return false
  }
}
