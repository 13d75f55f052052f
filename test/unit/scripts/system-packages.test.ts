/**
 * What the preparation does about missing system packages, on a made-up system: `apt-get` and `sudo` are scripts that
 * write down how they were called, and whether it is root is made up too. Whether Debian's own apt-get installs anything is not shown here.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const subject = new URL('../../../scripts/bootstrap/system-packages.mjs', import.meta.url).href

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-packages-'))
  for (const program of ['env', 'sh', 'touch']) symlinkSync(join('/usr/bin', program), join(folder, program))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** A program that writes down its arguments, then does what `script` says. */
function program(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\necho "${name} $*" >>${folder}/calls\n${script}\n`, { mode: 0o755 })
}

/** Asks for the package “teapot”, which is there once something made the file of that name. */
function install({ as }: { as: 'root' | 'somebody' }): { said: string; calls: string[]; there: boolean } {
  const code = `
    import { existsSync } from 'node:fs'
    import { installPackages } from '${subject}'
    process.getuid = () => ${as === 'root' ? 0 : 1000}
    const found = () => existsSync('${folder}/teapot')
    await installPackages([{ name: 'teapot', why: 'tea', found }, { name: 'kettle', why: 'water', found: () => true }])`
  const { stderr, stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    env: { PATH: folder },
    encoding: 'utf8',
  })
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
  const calls = join(folder, 'calls')
  return {
    said: stderr,
    calls: existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [],
    there: existsSync(join(folder, 'teapot')),
  }
}

describe.runIf(process.platform === 'linux')('a missing system package', () => {
  it('is not asked for when it is there', () => {
    writeFileSync(join(folder, 'teapot'), '')
    program('apt-get', '')
    expect(install({ as: 'root' })).toEqual({ said: '', calls: [], there: true })
  })

  it('is installed by root, and what and why is said in one line', () => {
    program('apt-get', `touch ${folder}/teapot`)
    const { said, calls, there } = install({ as: 'root' })
    expect(said).toBe('Installing teapot (tea) …\n')
    expect(calls).toEqual(['apt-get install -y --no-install-recommends teapot'])
    expect(there).toBe(true)
  })

  it('is tried again with a fresh list of packages', () => {
    program('apt-get', `[ "$1" = update ] && touch ${folder}/fresh; [ -e ${folder}/fresh ] && touch ${folder}/teapot`)
    const { calls, there } = install({ as: 'root' })
    expect(calls.map((call) => call.split(' ')[1])).toEqual(['install', 'update', 'install'])
    expect(there).toBe(true)
  })

  it('that cannot be installed is not the end: the command to run is said', () => {
    program('apt-get', 'exit 100')
    const { said, there } = install({ as: 'root' })
    expect(said).toContain('Run: sudo apt-get install -y --no-install-recommends teapot')
    expect(there).toBe(false)
  })

  it('is installed through sudo where that asks no password', () => {
    // As sudo -n would, minus becoming root.
    program('sudo', `shift; exec "$@"`)
    program('true', '')
    program('apt-get', `touch ${folder}/teapot`)
    const { calls, there } = install({ as: 'somebody' })
    expect(calls).toContain(
      'sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends teapot',
    )
    expect(there).toBe(true)
  })

  it.each([
    ['there is no sudo', () => undefined],
    ['sudo wants a password', () => program('sudo', 'exit 1')],
  ])('is left to the person when %s', (_, prepare) => {
    prepare()
    program('apt-get', `touch ${folder}/teapot`)
    const { said, calls, there } = install({ as: 'somebody' })
    expect(said).toBe('Not installed: teapot (tea). Run: sudo apt-get install -y --no-install-recommends teapot\n')
    expect(calls.filter((call) => call.startsWith('apt-get'))).toEqual([])
    expect(there).toBe(false)
  })

  it('is left to the person where there is no apt-get', () => {
    expect(install({ as: 'root' }).said).toBe(
      'Not installed: teapot (tea). Install them with your system’s package manager.\n',
    )
  })
})
