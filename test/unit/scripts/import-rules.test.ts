/**
 * The control of .dependency-cruiser.mjs: a made-up project that breaks every rule once, and another that does the
 * neighbouring things that are allowed. A rule whose pattern is mistyped matches nothing and would never be missed.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import config from '../../../.dependency-cruiser.mjs'

const rules = config.forbidden ?? []
const repository = fileURLToPath(new URL('../../..', import.meta.url))
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

const Report = z.object({
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), to: z.string(), rule: z.object({ name: z.string() }) })),
  }),
})

/** Rule, importing file, import: as the made-up project has them. */
const broken: [rule: string, file: string, imports: string][] = [
  ['contract-imports-only-zod', 'contract/a.ts', 'node:fs'],
  ['contract-imports-only-zod', 'contract/b.ts', '../main/core/thing.ts'],
  ['contract-imports-only-zod', 'contract/c.ts', 'commander'],
  ['core-does-not-know-who-asks', 'main/core/a.ts', '../cli/thing.ts'],
  ['core-does-not-know-who-asks', 'main/core/b.ts', '../engine/thing.ts'],
  ['core-does-not-know-who-asks', 'main/core/c.ts', '../electron/thing.ts'],
  ['core-does-not-know-who-asks', 'main/core/d.ts', '../browser/thing.ts'],
  ['core-does-not-know-who-asks', 'main/core/e.ts', '../index.ts'],
  ['core-does-not-know-who-asks', 'main/core/f.ts', '../../renderer/thing.ts'],
  ['engine-does-not-know-who-asks', 'main/engine/a.ts', '../cli/thing.ts'],
  ['shells-stand-alone', 'main/cli/a.ts', '../electron/thing.ts'],
  ['shells-stand-alone', 'main/browser/a.ts', '../cli/thing.ts'],
  ['electron-only-in-its-room', 'main/core/g.ts', 'electron'],
  ['electron-only-in-its-room', 'main/cli/b.ts', 'electron'],
  ['electron-only-in-its-room', 'preload/create-api.ts', 'electron'],
  ['remote-only-where-it-is-locked-down', 'main/electron/windows.ts', '@electron/remote/main'],
  ['renderer-sees-the-contract-only', 'renderer/a.ts', '../main/core/thing.ts'],
  ['renderer-sees-the-contract-only', 'renderer/b.ts', '../native/thing.ts'],
  ['renderer-sees-the-contract-only', 'renderer/c.ts', 'electron'],
  ['renderer-has-no-node', 'renderer/d.ts', 'node:path'],
  ['preload-knows-the-contract', 'preload/a.ts', '../main/core/thing.ts'],
  ['preload-has-one-other-user', 'main/electron/b.ts', '../../preload/thing.ts'],
  ['preload-has-one-other-user', 'renderer/e.ts', '../preload/thing.ts'],
  ['browser-page-takes-create-api-only', 'main/browser/page.ts', '../../preload/thing.ts'],
  ['vault-stands-alone', 'vault/a.ts', '../main/core/thing.ts'],
  ['vault-stands-alone', 'vault/b.ts', 'vue'],
  ['vault-has-one-user', 'main/engine/b.ts', '../../vault/thing.ts'],
  ['vault-has-one-user', 'main/core/vault/client.ts', '../../../vault/thing.ts'],
  ['native-only-in-keys', 'main/core/archive/a.ts', '../../../native/thing.ts'],
  ['keytar-behind-one-adapter', 'main/cli/c.ts', 'keytar'],
  ['keytar-behind-one-adapter', 'main/core/keys/other.ts', 'keytar'],
  ['product-without-tests-and-scripts', 'main/cli/d.ts', '../../test/thing.ts'],
  ['product-without-tests-and-scripts', 'main/cli/e.ts', '../../scripts/thing.mjs'],
  ['product-without-development-packages', 'main/cli/f.ts', 'vitest'],
  ['no-circles', 'main/core/circle-a.ts', './circle-b.ts'],
  ['nothing-missing', 'main/cli/g.ts', './not-there.ts'],
]

/** File, import: allowed, and close to what is not. */
const allowed: [file: string, imports: string][] = [
  ['contract/a.ts', 'zod'],
  ['main/core/a.ts', '../../contract/thing.ts'],
  ['main/core/b.ts', 'node:fs'],
  ['main/core/keys/keychain.ts', 'keytar'],
  ['main/core/keys/guarded.ts', '../../../native/thing.ts'],
  ['main/cli/a.ts', '../core/thing.ts'],
  ['main/cli/b.ts', '../engine/thing.ts'],
  ['main/engine/a.ts', '../core/thing.ts'],
  ['main/engine/practice-vault.ts', '../../vault/thing.ts'],
  ['main/electron/remote.ts', '@electron/remote/main'],
  ['main/electron/windows.ts', 'electron'],
  ['main/browser/page.ts', '../../preload/create-api.ts'],
  ['preload/create-api.ts', '../contract/thing.ts'],
  ['preload/index.ts', 'electron'],
  ['renderer/a.ts', '../contract/thing.ts'],
  ['renderer/b.ts', 'vue'],
  ['vault/a.ts', '../contract/thing.ts'],
  ['test/a.ts', '../main/core/thing.ts'],
  ['test/b.ts', 'vitest'],
]

describe('the rules of who may import whom', () => {
  it('fire on every made-up violation, each by its own name', () => {
    const found = violations(broken.map(([, file, imports]) => [file, imports]))
    for (const [rule, file] of broken) expect(found, `${rule} in ${file}`).toContain(`${rule}: ${file}`)
  })

  it('have a made-up violation each', () => {
    const names = rules.map(({ name }) => name)
    expect([...new Set(broken.map(([rule]) => rule))].sort()).toEqual(names.sort())
  })

  it('are errors, not warnings', () => {
    expect(rules.filter(({ severity }) => severity !== 'error')).toEqual([])
  })

  it('let through what is allowed', () => {
    expect(violations(allowed)).toEqual([])
  })
})

/** Writes a project whose files import what they are told to, and lets dependency-cruiser judge it. */
function violations(files: [file: string, imports: string][]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-import-rules-'))
  folders.push(folder)
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  // There to be imported.
  const rooms = ['contract', 'main/core', 'main/cli', 'main/engine', 'main/electron', 'main/browser']
  for (const room of [...rooms, 'renderer', 'preload', 'native', 'vault', 'test'])
    write(`${room}/thing.ts`, 'export {}\n')
  write('main/index.ts', 'export {}\n')
  write('scripts/thing.mjs', 'export {}\n')
  write('main/core/circle-b.ts', `import './circle-a.ts'\n`)
  write('main/core/circle-a.ts', '')
  write('tsconfig.json', '{}')

  const packages = ['zod', 'commander', 'vue', 'keytar', 'electron', '@electron/remote']
  const dependencies = Object.fromEntries(packages.map((name) => [name, '1.0.0']))
  write('package.json', JSON.stringify({ type: 'module', dependencies, devDependencies: { vitest: '1.0.0' } }))
  for (const name of [...packages, 'vitest']) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }))
    write(`node_modules/${name}/index.js`, '')
    write(`node_modules/${name}/main/index.js`, '')
  }
  // A type-only import is an import.
  for (const [file, imports] of files) write(file, `import type {} from '${imports}'\nimport '${imports}'\n`)

  const cruise = join(repository, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs')
  const options = ['--config', join(repository, '.dependency-cruiser.mjs'), '--output-type', 'json']
  const json = execFileSync(process.execPath, [cruise, ...options, '.'], { cwd: folder, encoding: 'utf8' })
  return Report.parse(JSON.parse(json)).summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`)
}
