/**
 * Gets a checkout ready: a Node that is new enough, system packages, npm packages, the build. Each step looks first
 * and does nothing when its work is done already, so that on most days all of this costs a few milliseconds.
 *
 * What is not done is done under a lock (two terminals may start at once), and becomes visible by a rename or a
 * stamp written last: a preparation that is killed half-way leaves nothing that looks finished.
 */
import { build, isBuilt } from './bootstrap/build.mjs'
import { areDependenciesInstalled, hasKeychain, hasPkcs11, installDependencies } from './bootstrap/dependencies.mjs'
import { withLock } from './bootstrap/lock.mjs'
import { isNewEnough, oldestNode } from './bootstrap/node-version.mjs'
import { root } from './bootstrap/places.mjs'
import { CannotGoOn } from './bootstrap/say.mjs'
import { forBuilding, forTesting, installPackages, missing } from './bootstrap/system-packages.mjs'
import { hasToolchain, installToolchain, toolchainNode } from './bootstrap/toolchain.mjs'
import { delimiter, dirname, join } from 'node:path'

/**
 * @param {{ forTests: boolean }} options with `forTests`, everything the tests need must be there too
 * @returns {Promise<{ node: string, env: Record<string, string | undefined> }>} what to start tasks with
 * @throws {CannotGoOn} when something is missing that the person has to see to
 */
export async function prepare({ forTests }) {
  const ownNode = isNewEnough(process.versions.node)
  const node = ownNode ? process.execPath : toolchainNode
  const env = environment(node, { ownNode })

  const hasNode = () => ownNode || hasToolchain()
  const isCompiled = () => hasKeychain(root) && hasPkcs11(root)
  const hasPackages = () => areDependenciesInstalled(root) && (!forTests || isCompiled())
  const hasForTests = () => !forTests || missing(forTesting).length === 0
  if (hasNode() && hasPackages() && hasForTests() && isBuilt(root)) return { node, env }

  await withLock(join(root, '.toolchain', 'lock'), async () => {
    // Looked at again: whoever held the lock before us may have done it all.
    if (!hasNode()) await installToolchain()
    if (!hasForTests()) await installPackages(forTesting)
    if (!hasPackages()) {
      await installPackages(forBuilding)
      await installDependencies(root, node, env)
    }
    if (!isBuilt(root)) await build(root, node, env)
  })
  if (forTests) requireForTests()
  return { node, env }
}

/** Tests that cannot run must not look as if they had passed. */
function requireForTests() {
  const lacking = missing(forTesting)
  const compiled = { keytar: hasKeychain(root), pkcs11js: hasPkcs11(root) }
  for (const [name, there] of Object.entries(compiled))
    if (!there) lacking.push({ name, why: 'it did not compile', found: () => false })
  if (!compiled.keytar || !compiled.pkcs11js) lacking.push(...missing(forBuilding))
  if (lacking.length === 0) return
  const list = lacking.map(({ name, why }) => `  ${name}: ${why}`).join('\n')
  throw new CannotGoOn(`The tests need what is missing here:\n${list}`)
}

/**
 * @param {string} node
 * @param {{ ownNode: boolean }} options
 */
function environment(node, { ownNode }) {
  /** @type {Record<string, string | undefined>} */
  const env = { ...process.env }
  const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH'
  env[key] = `${dirname(node)}${delimiter}${env[key] ?? ''}`
  // glibc gives every thread heaps of its own and keeps what they once held; sealing would hold twice the memory.
  if (process.platform === 'linux') env['MALLOC_ARENA_MAX'] ??= '2'
  // From 22.15 to 22.17 Node runs TypeScript files only when told to; later ones do it anyway.
  if (ownNode && !isNewEnough(process.versions.node, oldestNode.runsTypeScript)) {
    env['NODE_OPTIONS'] = `${env['NODE_OPTIONS'] ?? ''} --experimental-strip-types`.trim()
  }
  return env
}
