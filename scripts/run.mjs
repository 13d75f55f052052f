/**
 * Every npm script comes through here: `node scripts/run.mjs <task> …args`.
 *
 * Prepares the checkout (bootstrap.mjs), then starts the task on a Node that is new enough. Plain Node from 18 on,
 * no dependencies: it runs before anything is installed. Standard output belongs to the task alone (`npm run -s
 * coffer -- … --json` is one JSON document), so every word of the preparation goes to standard error.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { prepare } from './bootstrap.mjs'
import { start } from './start.mjs'
import { root } from './bootstrap/places.mjs'
import { CannotGoOn, say } from './bootstrap/say.mjs'

/**
 * @typedef {object} Task
 * @property {string} [file] what to run, from the top of the checkout
 * @property {string[]} [node] options for Node itself
 * @property {string[]} [before] arguments before the person's own
 * @property {boolean} [forTests] needs what only tests need (a keychain daemon, …)
 * @property {boolean} [fromCaller] runs in the folder npm was called from, so that relative paths mean what they say
 */

/** @type {Record<string, Task>} */
const tasks = {
  // The option spares it its second start (main/cli/little-memory.ts).
  coffer: { file: 'dist/coffer.js', node: ['--max-semi-space-size=2', '--v8-pool-size=1'], fromCaller: true },
  vault: { file: 'dist/coffer-vault.js', fromCaller: true },
  demo: { file: 'test/demo/demo.ts' },
  build: { file: 'node_modules/typescript/bin/tsc', before: ['--noEmit'] },
  test: { file: 'scripts/test.mjs', forTests: true },
  lint: { file: 'scripts/test.mjs', before: ['--without', 'tests'] },
  unit: { file: 'node_modules/vitest/vitest.mjs', before: ['run'] },
  format: { file: 'node_modules/prettier/bin/prettier.cjs', before: ['--write', '.'] },
  bench: { file: 'test/bench/run.ts' },
  soak: { file: 'test/soak/run.ts', forTests: true },
}

const [name = '', ...args] = process.argv.slice(2)
const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined

try {
  if (!task) throw new CannotGoOn(`There is no task “${name}”. Tasks: ${Object.keys(tasks).join(', ')}.`)
  const { node, env } = await prepare({ forTests: task.forTests ?? false })
  if (task.file) process.exitCode = await run(task, task.file, node, env)
} catch (error) {
  if (!(error instanceof CannotGoOn)) throw error
  say(error.message)
  process.exitCode = 1
}

/**
 * @param {Task} task
 * @param {string} file
 * @param {string} node
 * @param {Record<string, string | undefined>} env
 * @returns {Promise<number>} the task's exit code
 */
async function run(task, file, node, env) {
  const path = join(root, file)
  if (!existsSync(path)) throw new CannotGoOn(`${file} is not there yet.`)
  // npm enters the top of the checkout before it calls us; INIT_CWD is where the person stood. It is not handed on:
  // a command line started by a test would take the test runner's folder for the person's.
  const { INIT_CWD: caller, ...rest } = env
  const cwd = task.fromCaller ? (caller && existsSync(caller) ? caller : process.cwd()) : root
  return start(node, [...(task.node ?? []), path, ...(task.before ?? []), ...args], { cwd, env: rest })
}
