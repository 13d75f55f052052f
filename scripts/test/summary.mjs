/** What `npm test` prints at its end. */

/**
 * @typedef {object} Result of one step
 * @property {string} name
 * @property {string} what the program behind it
 * @property {number} seconds
 * @property {boolean} ok
 * @property {number} passed
 * @property {number} failed
 * @property {number} [skipped]
 */

/**
 * One line for each step and one for all.
 * @param {Result[]} results
 * @returns {string}
 */
export function table(results) {
  const lines = results.map(({ name, what, seconds, ok, passed, skipped }) => {
    const tests = skipped === undefined ? '' : `, ${passed} passed${skipped > 0 ? `, ${skipped} skipped` : ''}`
    return row(name, what, seconds, `${ok ? 'ok' : 'FAILED'}${tests}`)
  })
  const all = results.reduce((sum, { seconds }) => sum + seconds, 0)
  return [...lines, row('all', '', all, '')].join('\n')
}

/** @param {Result[]} results */
export function closingLine(results) {
  const sum = (/** @type {'passed' | 'failed'} */ which) => results.reduce((all, result) => all + result[which], 0)
  return `${sum('passed')} passed, ${sum('failed')} failed`
}

/**
 * @param {string} name
 * @param {string} what
 * @param {number} seconds
 * @param {string} outcome
 */
function row(name, what, seconds, outcome) {
  return `${name.padEnd(9)}${what.padEnd(20)}${seconds.toFixed(1).padStart(6)} s   ${outcome}`.trimEnd()
}
