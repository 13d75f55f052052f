/**
 * Who may import whom (docs/ARCHITECTURE.md, “Who may import whom”). Every rule is an error, also those of rooms
 * that are not built yet, so that they are held to them from their first file on. Type-only imports count.
 * test/unit/scripts/import-rules.test.ts shows that each rule fires on a made-up violation.
 */

/** Matches a package whether or not it is installed. */
const npm = (/** @type {string[]} */ ...names) => names.map((name) => `(^|node_modules/)${name}(/|$)`)

const electron = npm('electron')
const electronRemote = npm('@electron/remote')
const nodeOnly = npm('better-sqlite3', 'sodium-native', 'keytar', 'commander', 'pdf-lib', 'fastify', 'ws')
const product = '^(contract|main|preload|renderer|native|vault)/'

/** @type {import('dependency-cruiser').IForbiddenRuleType[]} */
const forbidden = [
  {
    name: 'contract-imports-only-zod',
    severity: 'error',
    comment: 'What the processes say to each other must be readable by all of them.',
    from: { path: '^contract/' },
    to: { pathNot: ['^contract/', ...npm('zod')] },
  },
  {
    name: 'core-does-not-know-who-asks',
    severity: 'error',
    comment: 'Core runs under Electron, in a terminal and in tests; engine’s workers are passed in.',
    from: { path: '^main/core/' },
    to: { path: ['^main/(?!core/)', '^(renderer|preload|vault)/'] },
  },
  {
    name: 'engine-does-not-know-who-asks',
    severity: 'error',
    comment: 'The engine is started by the shells, not the other way round.',
    from: { path: '^main/engine/' },
    to: { path: ['^main/(?!core/|engine/)', '^(renderer|preload)/'] },
  },
  {
    name: 'shells-stand-alone',
    severity: 'error',
    comment: 'The window, the terminal and the browser host share core and engine, not each other.',
    from: { path: '^main/(electron|cli|browser)/' },
    to: { path: '^main/(electron|cli|browser)/', pathNot: '^main/$1/' },
  },
  {
    name: 'electron-only-in-its-room',
    severity: 'error',
    from: { pathNot: ['^main/electron/', '^main/index\\.ts$', '^preload/index\\.ts$', '(^|/)node_modules/', '^test/'] },
    to: { path: electron },
  },
  {
    name: 'remote-only-where-it-is-locked-down',
    severity: 'error',
    comment: 'Unfiltered, @electron/remote hands the main process to whoever takes over the window.',
    from: { pathNot: ['^main/electron/remote\\.ts$', '^preload/index\\.ts$', '(^|/)node_modules/', '^test/'] },
    to: { path: electronRemote },
  },
  {
    name: 'renderer-sees-the-contract-only',
    severity: 'error',
    comment: 'The window sees window.coffer and nothing else of the machine.',
    from: { path: '^renderer/' },
    to: { path: ['^(main|preload|native|vault|scripts)/', ...electron, ...electronRemote, ...nodeOnly] },
  },
  {
    name: 'renderer-has-no-node',
    severity: 'error',
    from: { path: '^renderer/' },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'preload-knows-the-contract',
    severity: 'error',
    from: { path: '^preload/' },
    to: { path: '^(main|renderer|native|vault)/' },
  },
  {
    name: 'preload-has-one-other-user',
    severity: 'error',
    comment: 'The browser host’s page makes the same API over its own transport.',
    from: { pathNot: ['^preload/', '^main/browser/page\\.ts$', '^test/'] },
    to: { path: '^preload/' },
  },
  {
    name: 'browser-page-takes-create-api-only',
    severity: 'error',
    from: { path: '^main/browser/page\\.ts$' },
    to: { path: '^preload/', pathNot: '^preload/create-api\\.ts$' },
  },
  {
    name: 'vault-stands-alone',
    severity: 'error',
    comment: 'It is run by other people on other machines.',
    from: { path: '^vault/' },
    to: { path: ['^(main|renderer|preload|native|scripts)/', ...electron, ...electronRemote, ...npm('vue', 'keytar')] },
  },
  {
    name: 'vault-has-one-user',
    severity: 'error',
    comment: 'The app talks to vaults over HTTP. The practice vault is the one that runs inside it.',
    from: { pathNot: ['^vault/', '^main/engine/practice-vault\\.ts$', '^test/'] },
    to: { path: '^vault/' },
  },
  {
    name: 'native-only-in-keys',
    severity: 'error',
    comment: 'Secret memory is lent out by main/core/keys alone; the shells harden their own process.',
    from: {
      path: product,
      pathNot: [
        '^native/',
        '^main/core/keys/',
        '^main/core/stores/',
        '^main/(electron|cli|browser)/',
        '^main/index\\.ts$',
      ],
    },
    to: { path: '^native/' },
  },
  {
    name: 'keytar-behind-one-adapter',
    severity: 'error',
    comment: 'It is no longer maintained, and optional: one file to replace, one place that can find it missing.',
    from: { pathNot: ['^main/core/keys/keychain\\.ts$', '(^|/)node_modules/', '^test/'] },
    to: { path: npm('keytar') },
  },
  {
    name: 'product-without-tests-and-scripts',
    severity: 'error',
    from: { path: product },
    to: { path: '^(test|scripts)/' },
  },
  {
    name: 'product-without-development-packages',
    severity: 'error',
    comment: 'What is installed from the package must find everything it imports.',
    from: { path: product },
    to: {
      dependencyTypes: ['npm-dev', 'npm-unknown', 'npm-no-pkg', 'undetermined'],
      dependencyTypesNot: ['type-only'],
    },
  },
  {
    name: 'no-circles',
    severity: 'error',
    from: { pathNot: '(^|/)node_modules/' },
    to: { circular: true },
  },
  {
    name: 'nothing-missing',
    severity: 'error',
    comment: 'keytar is optional: where it could not be compiled it is not there.',
    from: { pathNot: '(^|/)node_modules/' },
    to: { couldNotResolve: true, pathNot: npm('keytar') },
  },
]

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden,
  options: {
    doNotFollow: { path: '(^|/)node_modules/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
    skipAnalysisNotInRules: true,
  },
}
