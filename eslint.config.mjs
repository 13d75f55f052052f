/**
 * What ESLint holds the code to: typescript-eslint's strict rules with types, and the house rules of CONTRIBUTING.md
 * that can be told from the text of a file. Who may import whom is .dependency-cruiser.mjs's.
 * test/unit/scripts/house-rules.test.ts shows that each house rule fires.
 */
import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

const guardedMemory = 'libsodium’s guarded memory does not work inside Electron. Use main/core/keys/secret.ts.'
const sodiumTraps = [
  { selector: 'Identifier[name=/^sodium_(malloc|mprotect_[a-z]+)$/]', message: guardedMemory },
  { selector: 'Literal[value=/^sodium_(malloc|mprotect_[a-z]+)$/]', message: guardedMemory },
]

export default defineConfig(
  { ignores: ['dist/', 'dist.*/', '.toolchain/', 'coverage/'] },
  {
    files: ['**/*.ts', '**/*.mjs'],
    extends: [tseslint.configs.strictTypeChecked],
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // Numbers in messages say what they are; objects and undefined in them would be mistakes.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // `() => stream.destroy()` and `return done()` are how one writes it; what matters is that no promise is dropped.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // `[...text]` gives code points, which is what is meant.
      '@typescript-eslint/no-misused-spread': 'off',
      // Types promise more than systems keep: `constants.O_NOFOLLOW ?? 0` is needed on Windows.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // What was caught is passed on as it came, whatever it is; nothing of our own is thrown that is no error.
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      'no-throw-literal': 'error',
      // Interfaces here are records of functions, made to be taken apart.
      '@typescript-eslint/unbound-method': 'off',
      // `() => void write()` says that nobody looks at what comes back, whether or not anything does.
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // Implementing an async interface without awaiting anything is no mistake.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', ...sodiumTraps],
      'no-restricted-imports': ['error', { paths: [{ name: 'keytar', message: 'Only main/core/keys/keychain.ts.' }] }],
    },
  },
  {
    // A file called index that only passes on other files' names hides where things are.
    files: ['**/index.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...sodiumTraps,
        { selector: 'ExportAllDeclaration', message: 'Import from the file itself.' },
        { selector: 'ExportNamedDeclaration[source]', message: 'Import from the file itself.' },
      ],
    },
  },
  {
    // Core does not know who asks: it has nobody to print to. Its randomness is cryptographic or passed in.
    files: ['main/core/**/*.ts', 'contract/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Use node:crypto, or take randomness as an argument.' },
      ],
    },
  },
  {
    files: ['main/core/keys/keychain.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // Vitest's `expect.any(…)` and its like are `any`.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
    },
  },
  {
    files: ['**/*.mjs'],
    rules: {
      // JSDoc cannot say what a catch clause or JSON.parse gives as easily as TypeScript can.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
)
