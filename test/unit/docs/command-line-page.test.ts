import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { describe as wordsOf, errorCodes } from '../../../contract/errors.ts'
import { withCommands } from '../../../main/cli/index.ts'
import { createProgram } from '../../../main/cli/program.ts'

const page = new URL('../../../docs/CLI.md', import.meta.url)
const [begin, end] = ['<!-- errors: begin -->\n', '<!-- errors: end -->\n']

function errorTable(): string {
  const rows = errorCodes.map((code) => {
    const { exit, say, next } = wordsOf(code)
    return `| \`${code}\` | ${exit} | ${say} | ${next} |\n`
  })
  return `\n| code | exit | what happened | what to do |\n| --- | ---: | --- | --- |\n${rows.join('')}\n`
}

/** Every command that does something, with the words it is called by. */
function leaves(command: Command, words: readonly string[] = []): { words: string; command: Command }[] {
  if (command.commands.length === 0) return [{ words: words.join(' '), command }]
  return command.commands.flatMap((sub) => leaves(sub, [...words, sub.name()]))
}

describe('docs/CLI.md', () => {
  it('has every error code with its exit code, its sentence and its next step', () => {
    const text = readFileSync(page, 'utf8')
    const [before = '', rest = ''] = text.split(begin)
    const [, after = ''] = rest.split(end)
    const right = `${before}${begin}${errorTable()}${end}${after}`
    if (process.env['COFFER_UPDATE_DOCS'] === '1') writeFileSync(page, right)
    else expect(text, 'run COFFER_UPDATE_DOCS=1 npm run unit -- test/unit/docs').toBe(right)
  })

  it('has every command with exactly its options', () => {
    const text = readFileSync(page, 'utf8')
    const program = withCommands(createProgram('0', 100, { help: () => undefined }), () => Promise.resolve())
    const commands = leaves(program)
    expect(commands.length).toBeGreaterThan(3)
    const documented = [...text.matchAll(/^### `coffer ([a-z0-9 -]+?)(?: [A-Z].*)?`$/gm)].map(([, words]) => words)
    expect(documented.toSorted()).toEqual(commands.map(({ words }) => words).toSorted())
    for (const { words, command } of commands) {
      const section = text.split(new RegExp(`^### \`coffer ${words}(?: [A-Z].*)?\`$`, 'm'))[1]?.split(/^##/m)[0] ?? ''
      const options = [...section.matchAll(/^\| `(--[^`]+)` +\|/gm)].map(([, flags]) => flags)
      expect([words, options.toSorted()]).toEqual([words, command.options.map(({ flags }) => flags).toSorted()])
    }
  })

  it('knows the exit codes that errors have', () => {
    const text = readFileSync(page, 'utf8')
    for (const exit of new Set(errorCodes.map((code) => wordsOf(code).exit)))
      expect(text).toMatch(new RegExp(`^\\| +${exit} \\| `, 'm'))
  })
})
