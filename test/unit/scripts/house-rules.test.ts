/** The control of eslint.config.mjs: each house rule fires on a made-up violation, and only where it should. */
import { fileURLToPath } from 'node:url'
import { ESLint } from 'eslint'
import tseslint from 'typescript-eslint'
import { describe, expect, it } from 'vitest'

const cwd = fileURLToPath(new URL('../../..', import.meta.url))
// The files are made up, so there are no types to ask for; the rules shown here need none.
const eslint = new ESLint({ cwd, overrideConfig: tseslint.configs.disableTypeChecked })

async function faults(filePath: string, code: string): Promise<string[]> {
  const results = await eslint.lintText(code, { filePath: `${cwd}/${filePath}` })
  return results.flatMap(({ messages }) => messages.map(({ ruleId, message }) => ruleId ?? message))
}

const core = 'main/core/archive/made-up.ts'
const cli = 'main/cli/made-up.ts'

describe('the house rules', () => {
  it.each([
    ['any', core, 'export const a: any = 1', '@typescript-eslint/no-explicit-any'],
    ['any as an argument', cli, 'export function f(a: any[]) { return a }', '@typescript-eslint/no-explicit-any'],
    ['!', core, 'export const f = (a?: string) => a!.length', '@typescript-eslint/no-non-null-assertion'],
    ['the console in core', core, 'console.error(1)', 'no-console'],
    ['the console in the contract', 'contract/made-up.ts', 'console.log(1)', 'no-console'],
    ['Math.random in core', core, 'export const r = Math.random()', 'no-restricted-properties'],
    ['guarded memory', core, `import s from 'sodium-native'\ns.sodium_malloc(1)`, 'no-restricted-syntax'],
    ['guarded memory by name', cli, `import { sodium_malloc as m } from 'sodium-native'\nm(1)`, 'no-restricted-syntax'],
    ['guarded memory in brackets', cli, `import s from 'sodium-native'\ns['sodium_malloc'](1)`, 'no-restricted-syntax'],
    ['page protection', core, `import s from 'sodium-native'\ns.sodium_mprotect_noaccess(b)`, 'no-restricted-syntax'],
    [
      'keytar outside its adapter',
      'main/core/keys/made-up.ts',
      `import k from 'keytar'\nk.x()`,
      'no-restricted-imports',
    ],
    ['an index that passes on', 'main/core/keys/index.ts', `export * from './a.ts'`, 'no-restricted-syntax'],
    ['an index that passes on names', 'main/index.ts', `export { a } from './a.ts'`, 'no-restricted-syntax'],
    ['guarded memory in an index', 'main/index.ts', `import s from 'x'\ns.sodium_malloc(1)`, 'no-restricted-syntax'],
  ])('refuse %s', async (_, file, code, rule) => {
    expect(await faults(file, code)).toEqual([rule])
  })

  it.each([
    ['the console of the command line', cli, 'console.error(1)'],
    ['keytar in its adapter', 'main/core/keys/keychain.ts', `import k from 'keytar'\nk.x()`],
    ['an index with work of its own', 'main/index.ts', `import { a } from './a.ts'\nexport const b = a`],
    ['other parts of libsodium', core, `import s from 'sodium-native'\ns.sodium_memzero(b)`],
  ])('let through %s', async (_, file, code) => {
    expect(await faults(file, code)).toEqual([])
  })

  it('are judged with types where the real files are', async () => {
    const real = new ESLint({ cwd })
    const [result] = await real.lintText('Promise.resolve(1)\n', { filePath: `${cwd}/contract/errors.ts` })
    expect(result?.messages.map(({ ruleId }) => ruleId)).toEqual(['@typescript-eslint/no-floating-promises'])
  })
})
