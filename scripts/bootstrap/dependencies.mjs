/** The npm packages, exactly those of package-lock.json. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { npm } from './command.mjs'
import { CannotGoOn, say } from './say.mjs'

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, peer?: boolean, link?: boolean }} Entry
 * @typedef {Record<string, Entry>} Entries
 */

/**
 * Whether node_modules holds what the lock file asks for. npm writes its own list of what it installed into
 * node_modules, last: absent means unfinished. The two are compared by content, because a checkout of another
 * branch changes times without changing packages, and packages without newer times.
 * @param {string} root
 */
export function areDependenciesInstalled(root) {
  const wanted = entries(join(root, 'package-lock.json'))
  const installed = entries(join(root, 'node_modules', '.package-lock.json'))
  return wanted !== undefined && installed !== undefined && matches(wanted, installed)
}

/**
 * @param {Entries} wanted from package-lock.json
 * @param {Entries} installed from node_modules/.package-lock.json
 * @returns {boolean}
 */
export function matches(wanted, installed) {
  for (const [path, entry] of Object.entries(installed)) {
    if (wanted[path]?.version !== entry.version) return false
  }
  // What is optional may be missing: binaries for other systems, or a keychain that could not be compiled.
  return Object.entries(wanted).every(([path, entry]) => path === '' || entry.optional || path in installed)
}

/** Whether the keychain adapter's native part was compiled. @param {string} root */
export function hasKeychain(root) {
  return existsSync(join(root, 'node_modules', 'keytar', 'build', 'Release', 'keytar.node'))
}

/** Whether what talks to hardware keystores was compiled. @param {string} root */
export function hasPkcs11(root) {
  return existsSync(join(root, 'node_modules', 'pkcs11js', 'build', 'Release', 'pkcs11.node'))
}

/**
 * @param {string} root
 * @param {string} node
 * @param {Record<string, string | undefined>} env
 * @throws {CannotGoOn} when npm cannot
 */
export async function installDependencies(root, node, env) {
  say('Installing the npm packages (npm ci, up to a minute) …')
  const headers = dirname(dirname(node))
  // node-gyp would otherwise download the headers of the Node it compiles for.
  const withHeaders = existsSync(join(headers, 'include', 'node')) ? { ...env, npm_config_nodedir: headers } : env
  const { code, output } = await npm(['ci', '--no-audit', '--no-fund'], {
    node,
    cwd: root,
    env: withHeaders,
    quiet: true,
  })
  if (code !== 0) throw new CannotGoOn(`npm ci did not succeed:\n${output.trim()}`)
  if (!hasKeychain(root))
    say('The keychain adapter (keytar) could not be compiled. Coffer works without it: keep keys in files.')
  if (!hasPkcs11(root))
    say(
      'pkcs11js could not be compiled. A vault works without it, with the software keystore, not with a hardware one.',
    )
}

/**
 * @param {string} path
 * @returns {Entries | undefined}
 */
function entries(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return undefined
  }
}
