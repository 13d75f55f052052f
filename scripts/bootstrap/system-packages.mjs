/** What has to come from the system: looked for wherever it may be, installed only on Debian and Ubuntu. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { command } from './command.mjs'
import { say } from './say.mjs'

/**
 * @typedef {object} SystemPackage
 * @property {string} name in Debian and Ubuntu
 * @property {string} why
 * @property {() => boolean} found by what it provides, so that other systems' packages count as well
 */

/** Needed once, to compile the keychain adapter and what talks to hardware keystores. @type {SystemPackage[]} */
export const forBuilding = [
  {
    name: 'build-essential',
    why: 'a compiler, for the keychain adapter and the hardware keystore',
    found: () => hasProgram('make') && hasProgram('c++'),
  },
  { name: 'python3', why: 'node-gyp, which compiles both', found: () => hasProgram('python3') },
  {
    name: 'pkg-config',
    why: 'finds libsecret when the keychain adapter is compiled',
    found: () => hasProgram('pkg-config'),
  },
  {
    name: 'libsecret-1-dev',
    why: 'how programs talk to the keychain',
    found: () => existsSync('/usr/include/libsecret-1/libsecret/secret.h'),
  },
]

/** Needed by tests only. @type {SystemPackage[]} */
export const forTesting = [
  {
    name: 'gnome-keyring',
    why: 'a real keychain for the keychain tests',
    found: () => hasProgram('gnome-keyring-daemon'),
  },
  { name: 'dbus', why: 'a session of its own for that keychain', found: () => hasProgram('dbus-run-session') },
  {
    name: 'python3-nacl',
    why: 'the second reader of archives, which shows that FORMAT.md suffices to write one',
    found: () => hasPythonModule('nacl'),
  },
  { name: 'python3-zstandard', why: 'the same', found: () => hasPythonModule('zstandard') },
  { name: 'softhsm2', why: 'a real PKCS#11 token for the vault’s tests', found: hasSoftHsm },
]

/**
 * @param {SystemPackage[]} wanted
 * @returns {SystemPackage[]} those not there; none where we would not know how to look
 */
export function missing(wanted) {
  return process.platform === 'linux' ? wanted.filter(({ found }) => !found()) : []
}

/**
 * Installs what is missing of `wanted` if this is Debian or Ubuntu and we may; says what to run otherwise. Never
 * fails: Coffer goes on with what works, and the tests say themselves what they lack.
 * @param {SystemPackage[]} wanted
 */
export async function installPackages(wanted) {
  const lacking = missing(wanted)
  if (lacking.length === 0) return
  const names = lacking.map(({ name }) => name)
  const reasons = lacking.map(({ name, why }) => `${name} (${why})`).join(', ')
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...names]
  const prefix = hasProgram('apt-get') ? await asRoot() : undefined
  if (!prefix) {
    const hint = hasProgram('apt-get')
      ? `Run: sudo ${install.join(' ')}`
      : 'Install them with your system’s package manager.'
    say(`Not installed: ${reasons}. ${hint}`)
    return
  }
  say(`Installing ${reasons} …`)
  // The list of packages is fetched only if the one at hand does not do: it takes longer than the rest.
  const done =
    (await apt(prefix, install)) || ((await apt(prefix, ['apt-get', 'update'])) && (await apt(prefix, install)))
  if (!done) say(`They could not be installed. Run: sudo ${install.join(' ')}`)
}

/** @returns {Promise<string[] | undefined>} what to put before a command to run it as root; undefined if we may not */
async function asRoot() {
  if (process.getuid?.() === 0) return []
  if (!hasProgram('sudo')) return undefined
  const { code } = await command('sudo', ['-n', 'true'], { quiet: true })
  return code === 0 ? ['sudo', '-n'] : undefined
}

/**
 * @param {string[]} prefix
 * @param {string[]} line
 */
async function apt(prefix, line) {
  const [program = '', ...args] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', ...line]
  const { code } = await command(program, args, { quiet: true })
  return code === 0
}

/**
 * Asked of Python itself only where it is not in Debian's place: that takes a while.
 * @param {string} name
 */
function hasPythonModule(name) {
  if (existsSync(join('/usr/lib/python3/dist-packages', name))) return true
  return spawnSync('python3', ['-c', `import ${name}`], { stdio: 'ignore' }).status === 0
}

/** The library that programs load; systems keep it in different places. */
function hasSoftHsm() {
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
  return [
    '/usr/lib/softhsm',
    `/usr/lib/${machine}-linux-gnu/softhsm`,
    '/usr/lib64/pkcs11',
    '/usr/lib64/softhsm',
    '/usr/lib/pkcs11',
    '/usr/local/lib/softhsm',
  ].some((folder) => existsSync(join(folder, 'libsofthsm2.so')))
}

/** @param {string} name */
function hasProgram(name) {
  const path = process.env['PATH'] ?? ''
  // What daemons and administrators use is not always on a person's PATH.
  return [...path.split(delimiter), '/usr/sbin', '/sbin'].some(
    (folder) => folder !== '' && existsSync(join(folder, name)),
  )
}
