/**
 * `npm test`: all that can be said about this checkout by machine. Every step runs, whatever the ones before it
 * found, so that one run shows everything; any that fails makes the whole fail.
 *
 * `--only format,lint` runs some steps, `--without tests` all but some; what follows `--` goes to Vitest.
 * The last line is always `N passed, N failed`: each test counts, and each of the other steps as one.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { root } from './bootstrap/places.mjs'
import { command } from './bootstrap/command.mjs'
import { choose } from './test/choose.mjs'
import { countTests } from './test/count-tests.mjs'
import { closingLine, table } from './test/summary.mjs'

const report = join(root, '.toolchain', 'vitest.json')
// Those of docs/ARCHITECTURE.md that are built.
const rooms = ['contract', 'main', 'preload', 'renderer', 'native', 'vault', 'test', 'scripts'].filter((room) =>
  existsSync(join(root, room)),
)
const bin = (/** @type {string} */ path) => join(root, 'node_modules', path)

/** @type {{ name: string, what: string, line: string[], shown?: boolean }[]} */
const steps = [
  { name: 'format', what: 'Prettier', line: [bin('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.'] },
  { name: 'lint', what: 'ESLint', line: [bin('eslint/bin/eslint.js'), '--max-warnings', '0', '.'] },
  { name: 'types', what: 'TypeScript', line: [bin('typescript/bin/tsc'), '-p', '.'] },
  { name: 'unused', what: 'Knip', line: [bin('knip/bin/knip.js')] },
  {
    name: 'imports',
    what: 'dependency-cruiser',
    line: [bin('dependency-cruiser/bin/dependency-cruiser.mjs'), '--config', '.dependency-cruiser.mjs', ...rooms],
  },
  {
    name: 'tests',
    what: 'Vitest',
    line: [bin('vitest/vitest.mjs'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    shown: true,
  },
]

const { chosen, rest } = choose(
  steps.map(({ name }) => name),
  process.argv.slice(2),
)
mkdirSync(dirname(report), { recursive: true })
// An old report must not be taken for the one of a Vitest that could not even start.
rmSync(report, { force: true })

/** @type {import('./test/summary.mjs').Result[]} */
const results = []
for (const { name, what, line, shown } of steps.filter(({ name }) => chosen.includes(name))) {
  const since = performance.now()
  const args = name === 'tests' ? [...line, ...rest] : line
  const { code, output } = await command(process.execPath, args, { cwd: root, quiet: !shown })
  const seconds = (performance.now() - since) / 1000
  const counts =
    name === 'tests' ? countTests(report, code) : { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 }
  if (code !== 0 && !shown) process.stdout.write(`\n${what} (${name}):\n${output.trimEnd()}\n`)
  results.push({ name, what, seconds, ok: code === 0, ...counts })
}

process.stdout.write(`\n${table(results)}\n\n${closingLine(results)}\n`)
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1
