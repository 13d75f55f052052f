import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fingerprint, isBuilt } from '../../../scripts/bootstrap/build.mjs'
import { areDependenciesInstalled, matches } from '../../../scripts/bootstrap/dependencies.mjs'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coffer-staleness-'))
  for (const folder of ['contract', 'main/core', 'scripts', 'dist', 'node_modules']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  for (const file of ['contract/a.ts', 'main/core/b.ts', 'main/core/c.ts']) write(file, 'export {}\n')
  write('dist/.built-from', fingerprint(root))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

describe('a build', () => {
  it('counts as done when the sources are those it was made from', () => {
    expect(isBuilt(root)).toBe(true)
  })

  const changes: [string, () => void][] = [
    ['a source was added', () => write('main/core/d.ts', '')],
    ['a source was removed', () => rmSync(join(root, 'main/core/c.ts'))],
    ['a source has other bytes', () => write('main/core/b.ts', 'export const b = 1\n')],
    [
      'a source was renamed',
      () => {
        cpSync(join(root, 'main/core/b.ts'), join(root, 'main/core/e.ts'), { preserveTimestamps: true })
        rmSync(join(root, 'main/core/b.ts'))
      },
    ],
    [
      'a source came back from the past',
      () => {
        utimesSync(join(root, 'contract/a.ts'), new Date(1e12), new Date(1e12))
      },
    ],
    ['what makes it changed', () => write('scripts/bundle.mjs', '')],
    ['its last line was never written', () => rmSync(join(root, 'dist/.built-from'))],
  ]
  it.each(changes)('counts as undone when %s', (_, change) => {
    change()
    expect(isBuilt(root)).toBe(false)
  })

  it('does not mind what else changes', () => {
    write('README.md', 'words')
    mkdirSync(join(root, 'test'))
    write('test/a.test.ts', '')
    expect(isBuilt(root)).toBe(true)
  })
})

describe('npm packages', () => {
  const wanted = {
    '': {},
    'node_modules/zod': { version: '4.6.7' },
    'node_modules/zod/node_modules/deep': { version: '1.0.0' },
    'node_modules/keytar': { version: '7.9.0', optional: true },
  }
  const installed = {
    'node_modules/zod': { version: '4.6.7' },
    'node_modules/zod/node_modules/deep': { version: '1.0.0' },
    'node_modules/keytar': { version: '7.9.0', optional: true },
  }

  it('are there when node_modules holds what the lock file asks for', () => {
    expect(matches(wanted, installed)).toBe(true)
  })

  it('are there when only an optional one could not be installed', () => {
    const { 'node_modules/keytar': _, ...rest } = installed
    expect(matches(wanted, rest)).toBe(true)
  })

  it('are not when one is missing, has another version, or is no longer wanted', () => {
    const { 'node_modules/zod/node_modules/deep': _, ...rest } = installed
    expect(matches(wanted, rest)).toBe(false)
    expect(matches(wanted, { ...installed, 'node_modules/zod': { version: '4.6.6' } })).toBe(false)
    expect(matches(wanted, { ...installed, 'node_modules/left': { version: '1.0.0' } })).toBe(false)
  })

  it('are not while npm has not written its list, which it does last', () => {
    write('package-lock.json', JSON.stringify({ packages: wanted }))
    mkdirSync(join(root, 'node_modules/zod'))
    expect(areDependenciesInstalled(root)).toBe(false)
    write('node_modules/.package-lock.json', JSON.stringify({ packages: installed }))
    expect(areDependenciesInstalled(root)).toBe(true)
    write('node_modules/.package-lock.json', JSON.stringify({ packages: installed }).slice(0, 40))
    expect(areDependenciesInstalled(root)).toBe(false)
  })
})

function write(path: string, text: string): void {
  writeFileSync(join(root, path), text)
}
