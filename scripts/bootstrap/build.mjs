/** dist/: the TypeScript of contract/, main/ and vault/ as JavaScript (scripts/bundle.mjs). */
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command } from './command.mjs'
import { CannotGoOn, say } from './say.mjs'

const sources = ['contract', 'main', 'vault', 'package-lock.json', 'scripts/bundle.mjs']
const stamp = '.built-from'

/** Whether dist/ was built from the sources as they are. @param {string} root */
export function isBuilt(root) {
  try {
    return readFileSync(join(root, 'dist', stamp), 'utf8') === fingerprint(root)
  } catch {
    return false
  }
}

/**
 * Path, size and time of every source, one a line. Compared for equality, not for which is newer: a removed source
 * or one brought back from the past counts as a change, and no clock is trusted.
 * @param {string} root
 * @returns {string}
 */
export function fingerprint(root) {
  /** @type {string[]} */
  const lines = []
  /** @param {string} path */
  const add = (path) => {
    const found = statSync(join(root, path), { throwIfNoEntry: false })
    if (found?.isDirectory()) for (const name of readdirSync(join(root, path)).sort()) add(`${path}/${name}`)
    else if (found) lines.push(`${path} ${found.size} ${found.mtimeMs}`)
  }
  for (const source of sources) add(source)
  return lines.join('\n')
}

/**
 * Builds aside and puts the result in place by a rename. Types are not checked here: whoever runs Coffer from a
 * checkout should not wait for it. `npm run build` and `npm test` do check them.
 * @param {string} root
 * @param {string} node
 * @param {Record<string, string | undefined>} env
 * @throws {CannotGoOn} when a source is not TypeScript
 */
export async function build(root, node, env) {
  say('Building …')
  // Taken before: a source that changes while the compiler runs makes this build an old one.
  const builtFrom = fingerprint(root)
  const dist = join(root, 'dist')
  const next = `${dist}.next`
  const old = `${dist}.old`
  for (const path of [next, old]) rmSync(path, { recursive: true, force: true })
  const { code, output } = await command(node, [join(root, 'scripts', 'bundle.mjs'), next], {
    cwd: root,
    env,
    quiet: true,
  })
  if (code !== 0) throw new CannotGoOn(`The build did not succeed:\n${output.trim()}`)
  writeFileSync(join(next, stamp), builtFrom)
  if (existsSync(dist)) renameSync(dist, old)
  renameSync(next, dist)
  rmSync(old, { recursive: true, force: true })
}
