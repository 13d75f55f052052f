/** Reads how many tests passed from Vitest's JSON report. */
import { readFileSync } from 'node:fs'

/**
 * @param {string} path the report
 * @param {number} code Vitest's exit code
 * @returns {{ passed: number, failed: number, skipped: number }} at least one failed if `code` is not 0
 */
export function countTests(path, code) {
  const { passed, failed, skipped } = read(path)
  // A file that cannot be loaded, an error outside any test, or no report at all: no test failed, but Vitest did.
  return { passed, failed: code === 0 ? failed : Math.max(failed, 1), skipped }
}

/** @param {string} path */
function read(path) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8'))
    return {
      passed: Number(report.numPassedTests),
      failed: Number(report.numFailedTests),
      skipped: Number(report.numPendingTests) + Number(report.numTodoTests),
    }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}
