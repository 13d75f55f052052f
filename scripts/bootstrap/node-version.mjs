/** Which versions of Node will do. */

/**
 * For each use, the oldest version of each line that has it; a line that is not named is judged by the nearest
 * older one that is. 21 and 23 are not the long-term lines, but people have them.
 */
export const oldestNode = {
  /** zstd in node:zlib, and everything else Coffer uses. */
  runs: ['22.15.0', '23.8.0', '24.0.0'],
  /** Runs .ts files without being told to. */
  runsTypeScript: ['22.18.0', '23.6.0', '24.0.0'],
}

/**
 * @param {string} version `24.21.0`
 * @param {string[]} [oldest] ascending, one for each line
 * @returns {boolean}
 */
export function isNewEnough(version, oldest = oldestNode.runs) {
  const last = oldest[oldest.length - 1]
  const ofLine = oldest.find((each) => major(each) === major(version))
  const bound = ofLine ?? last
  return bound !== undefined && compare(version, bound) >= 0
}

/**
 * Negative when `a` is older than `b`, 0 when they are the same, positive when newer. A pre-release (`24.0.0-rc.1`)
 * is older than its release.
 * @param {string} a
 * @param {string} b
 * @returns {number}
 */
export function compare(a, b) {
  const [left, right] = [parts(a), parts(b)]
  for (const at of [0, 1, 2]) {
    const difference = (left.numbers[at] ?? 0) - (right.numbers[at] ?? 0)
    if (difference !== 0) return difference
  }
  return Number(right.preRelease) - Number(left.preRelease)
}

/** @param {string} version */
function parts(version) {
  const [numbers = '', ...rest] = version.replace(/^v/, '').split('-')
  return { numbers: numbers.split('.').map(Number), preRelease: rest.length > 0 }
}

/** @param {string} version */
function major(version) {
  return parts(version).numbers[0]
}
