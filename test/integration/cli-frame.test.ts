import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newPerson, type Person } from './command-line.ts'

let person: Person
beforeAll(() => {
  person = newPerson()
})
afterAll(() => {
  person.leave()
})

const wrongUses = [
  ['bogus'],
  ['key'],
  ['key', 'bogus'],
  ['init'],
  ['init', 'a', 'b'],
  ['init', 'a', '--bogus'],
  ['init', 'a', '--key-out'],
  ['inspect'],
  ['inspect', ''],
  ['init', 's3://bucket/x', '--key-out', 'k'],
  ['key', 'sheet', 'a'],
]

describe('the command line', () => {
  it('answers wrong use with exit code 2, in words on standard error, and says where help is', async () => {
    for (const args of wrongUses) {
      const { code, stdout, stderr } = await person.coffer(...args)
      expect([args, code, stdout]).toEqual([args, 2, ''])
      expect(stderr).toMatch(/See “coffer .*”\.\n$/)
    }
  })

  it('answers wrong use with exactly one JSON document when --json is anywhere among the arguments', async () => {
    for (const args of wrongUses) {
      const { code, json, stderr } = await person.coffer('--json', ...args)
      expect([args, code, json, stderr]).toMatchObject([
        args,
        2,
        { error: { code: 'usage', message: expect.any(String), next: expect.any(String) } },
        '',
      ])
    }
    expect((await person.coffer('init', '--bogus', '--json')).json).toMatchObject({ error: { code: 'usage' } })
  })

  it('shows help with examples for every command, its sub-commands included', async () => {
    const top = await person.coffer('--help')
    expect(top.code).toBe(0)
    const commands = [...top.stdout.matchAll(/^ {2}([a-z][a-z0-9-]+)(?= )/gm)]
      .map(([, name]) => name ?? '')
      .filter((name) => name !== 'help')
    expect(commands.length).toBeGreaterThan(2)
    const below: Record<string, string[]> = { key: ['show', 'check', 'sheet'], password: ['set', 'change', 'remove'] }
    for (const command of commands.flatMap((name) => below[name]?.map((sub) => [name, sub]) ?? [[name]])) {
      const help = await person.coffer(...command, '--help')
      expect([command, help.code, help.stderr]).toEqual([command, 0, ''])
      expect(help.stdout).toContain(`\nExamples:\n  $ coffer ${command.join(' ')} `.trimEnd())
      expect(help.stdout).toContain('--json')
    }
  })

  it('shows what there is to someone who types nothing', async () => {
    const { code, stdout, stderr } = await person.coffer()
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('Commands:')
    expect((await person.coffer('--json')).code).toBe(2)
  })

  it('says its version', async () => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect((await person.coffer('--version')).stdout).toBe(`${manifest.version}\n`)
  })

  it('ends quietly when its reader has seen enough', async () => {
    const { child, ended } = person.start(['--help'])
    child.stdout?.destroy()
    const { code, stderr } = await ended
    expect([code, stderr]).toEqual([0, ''])
  })

  it.skipIf(process.platform === 'win32')(
    'calls a mistake of its own by its name, and not by the exit code of a warning',
    async () => {
      await person.coffer('init', 'archive', '--key-out', 'key.txt', '--no-keychain')
      const pipe = join(person.folder, 'waiting')
      execFileSync('mkfifo', [pipe])
      // Stands in for a bug: an exception that arises outside of any promise, once the command is well under way.
      const bug = "process.on('SIGCONT', () => { throw new TypeError('boom') })"
      const { child, ended } = person.start(['key', 'check', 'archive', '--key-file', 'waiting', '--json'], {
        NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(bug)}"`,
      })
      const waiting = await open(pipe, 'w')
      child.kill('SIGCONT')
      if (child.stdout) await once(child.stdout, 'data')
      // It ends when its thread has read to the end of the pipe.
      await waiting.close()
      const { code, json } = await ended
      expect([code, json]).toMatchObject([70, { error: { code: 'unexpected', reason: 'TypeError: boom' } }])
    },
  )

  it.skipIf(process.platform === 'win32')(
    'ends at once when asked twice, also while it waits for what never comes',
    async () => {
      await person.coffer('init', 'archive3', '--key-out', 'key3.txt', '--no-keychain')
      const pipe = join(person.folder, 'never')
      execFileSync('mkfifo', [pipe])
      const { child, ended } = person.start(['key', 'check', 'archive3', '--key-file', 'never'])
      const never = await open(pipe, 'w')
      // Two different signals, since two of the same may arrive as one.
      child.kill('SIGTERM')
      child.kill('SIGINT')
      expect(await ended).toMatchObject({ code: null, signal: 'SIGINT', stdout: '' })
      await never.close()
    },
  )

  it.skipIf(process.platform !== 'linux')(
    'starts again in its own place with few memory arenas, unless someone chose otherwise',
    async () => {
      await person.coffer('init', 'archive2', '--key-out', 'key2.txt', '--no-keychain')
      const pipe = join(person.folder, 'pipe')
      execFileSync('mkfifo', [pipe])
      for (const [chosen, seen] of [
        [{ MALLOC_ARENA_MAX: undefined }, '2'],
        [{ MALLOC_ARENA_MAX: '7' }, '7'],
      ] as const) {
        const { child, ended } = person.start(['key', 'check', 'archive2', '--key-file', 'pipe', '--json'], chosen)
        // It can be opened for writing once the command has opened it for reading, and is thus well under way.
        const keyPipe = await open(pipe, 'w')
        const environment = readFileSync(`/proc/${child.pid ?? 0}/environ`, 'utf8').split('\0')
        expect(environment.filter((variable) => variable.startsWith('MALLOC_ARENA_MAX='))).toEqual([
          `MALLOC_ARENA_MAX=${seen}`,
        ])
        await keyPipe.writeFile(readFileSync(join(person.folder, 'key2.txt')))
        await keyPipe.close()
        expect((await ended).json).toEqual({ ok: true })
      }
    },
  )
})
