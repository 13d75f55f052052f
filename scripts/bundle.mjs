/**
 * `node scripts/bundle.mjs <folder>`: Coffer's programs as JavaScript. Node reads a few large files in half the time
 * of two hundred small ones, and every command and every worker begins with that. Types are not checked here.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { rolldown } from 'rolldown'
import { root } from './bootstrap/places.mjs'

/** They lie side by side: what starts a thread or a process looks for it beside its own file. */
const programs = {
  coffer: 'main/cli/bin.ts',
  'seal-worker': 'main/engine/seal-worker.ts',
  'open-worker': 'main/engine/open-worker.ts',
  'store-worker': 'main/core/stores/store-worker.ts',
  'keychain-process': 'main/core/keys/keychain-process.ts',
  'coffer-vault': 'vault/bin.ts',
  'opaque-worker': 'vault/service/opaque-worker.ts',
  'sqlite-tidy-worker': 'vault/store/sqlite-tidy-worker.ts',
  'token-process': 'vault/keystore/token-process.ts',
  'password-process': 'main/core/vault/password-process.ts',
}
/** What every start needs is taken in; what is native, or seldom needed, is found in node_modules. */
const takenIn = ['commander', 'picomatch', 'zod']

const [folder] = process.argv.slice(2)
if (!folder) throw new Error('into which folder?')

const bundle = await rolldown({
  cwd: root,
  platform: 'node',
  input: programs,
  external: (id) => !isOurs(id) && !takenIn.some((name) => id === name || id.startsWith(`${name}/`)),
})
await bundle.write({ dir: folder, entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' })
writeFileSync(join(folder, 'LICENSES.txt'), takenIn.map(licence).join('\n\n'))

/** What is asked for by its place, and what was found, rather than a package's name. @param {string} id */
function isOurs(id) {
  return id.startsWith('.') || isAbsolute(id) || Object.values(programs).includes(id)
}

/** @param {string} name */
function licence(name) {
  const where = join(root, 'node_modules', name)
  const file = readdirSync(where).find((it) => /^licen[cs]e/i.test(it))
  if (!file) throw new Error(`${name} has no licence with it`)
  return `${name}\n\n${readFileSync(join(where, file), 'utf8').trim()}\n`
}
