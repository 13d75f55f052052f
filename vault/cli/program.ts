/** `coffer-vault …`: its commands, and how each ends. */
import { Command, CommanderError, Option } from 'commander'
import { dataFolder } from './config.ts'
import type { Bench } from './bench.ts'
import { OperatorError } from './operator-error.ts'
import { rotate, recover, makeInvite, status, verifyLog } from './operate.ts'
import { sentenceFor } from './sentences.ts'
import { serve, type ServeOptions } from './serve.ts'
import { setUp } from './set-up.ts'

interface Everywhere {
  data?: string
  pinFile?: string
}

interface InitOptions {
  node: string
  keystore: 'software' | 'pkcs11'
  pkcs11Module?: string
  token?: string
  keyLabel: string
  join?: string
  storage: 'sqlite' | 'postgres'
  allowSingleNode: boolean
  allowOtherEngine: boolean
}

/** Gives the exit code: 0 done, 1 not as it should be, 2 wrong use. */
export async function main(bench: Bench): Promise<number> {
  let exit = 0
  const program = new Command('coffer-vault')
    .description('The Backup Key Vault: password in, key out, ten guesses.')
    .option('--data <folder>', 'where this node keeps its files (or COFFER_VAULT_DATA)')
    .option('--pin-file <file>', 'a file with the token’s PIN (or COFFER_VAULT_PIN)')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({ writeOut: (text) => bench.say(text.trimEnd()), writeErr: (text) => bench.warn(text.trimEnd()) })
    .exitOverride()
  const given = (): { folder: string; pinFile: string | undefined } => {
    const { data, pinFile } = program.opts<Everywhere>()
    return { folder: dataFolder(data, bench.env), pinFile }
  }
  const sources = () => ({ env: bench.env, pinFile: given().pinFile })

  program
    .command('init')
    .description('Make a vault’s keys, or join a vault whose keys another node has made.')
    .option('--node <name>', 'the name of this node', 'one')
    .addOption(
      new Option('--keystore <kind>', 'where the keys live').choices(['software', 'pkcs11']).default('software'),
    )
    .option('--pkcs11-module <path>', 'the library of the token’s maker')
    .option('--token <label>', 'the token’s label')
    .option('--key-label <label>', 'what the vault’s keys in the token are called', 'coffer-vault')
    .option('--join <fingerprint>', 'the keys are there already, and have this fingerprint')
    .addOption(
      new Option('--storage <engine>', 'where the records live').choices(['sqlite', 'postgres']).default('sqlite'),
    )
    .option('--allow-single-node', 'take a PostgreSQL without standbys: what it loses is lost', false)
    .option('--allow-other-engine', 'take an engine that is not PostgreSQL', false)
    .action(async (options: InitOptions) => {
      const config = await setUp(given().folder, { ...setUpFrom(options), join: options.join }, sources())
      bench.say(`Made a vault in ${given().folder}. Its fingerprint: ${config.fingerprint}`)
    })

  program
    .command('serve', { isDefault: true })
    .description('Answer until told to end. With nothing configured: SQLite and a key file, on this machine alone.')
    .option('--listen <host:port>', 'where to listen', '127.0.0.1:8787')
    .option('--waits <waits>', '“default”, “off”, or minutes after the 5th, 6th … failure; the last stays', 'default')
    .option('--invites', 'make records only for people with an invite', false)
    .option('--peers <addresses>', 'the vault’s other nodes, separated by commas', '')
    .option('--address <url>', 'this node’s own address among --peers: it is left out', '')
    .option('--limit <count>', 'requests a minute from one address; 0 for no limit', '600')
    .option('--trust-proxy', 'believe the proxy in front who it is that asks', false)
    .option('--tls-cert <file>', 'certificate, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .addOption(
      new Option('--log-level <level>', 'how much to log').choices(['warn', 'info', 'error', 'silent']).default('warn'),
    )
    .action((options: ServeOptions) => serve(bench, given().folder, { ...options, ...pinOf(given().pinFile) }))

  program
    .command('status')
    .description('What this node is, and what its records are.')
    .action(() => status(bench, given().folder, sources()))

  program
    .command('log')
    .description('The log of all changes.')
    .command('verify')
    .description('Check the whole log and every row against it.')
    .action(async () => {
      if (!(await verifyLog(bench, given().folder, sources()))) exit = 1
    })

  program
    .command('invite')
    .description('Make an invite: it lets one person make one record.')
    .option('--address <url>', 'where people find this vault', 'https://vault.example.org')
    .option('--days <days>', 'for how long it serves', '14')
    .action((options: { address: string; days: string }) => makeInvite(bench, given().folder, options, sources()))

  program
    .command('rotate-seal-key')
    .description('Seal every living record anew and destroy the old key: older copies can never be read again.')
    .action(() => rotate(bench, given().folder, sources()))

  program
    .command('recover')
    .description('Go on with a database that is older than it should be. Destroys what cannot be trusted.')
    .option('--burn <count>', 'destroy so many records; without it the command only says what it would do')
    .action(async (options: { burn?: string }) => {
      if (!(await recover(bench, given().folder, options.burn, sources()))) exit = 1
    })

  try {
    await program.parseAsync([...bench.args], { from: 'user' })
    return exit
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    bench.warn(sentenceFor(error))
    return error instanceof OperatorError ? 2 : 1
  }
}

function setUpFrom(options: InitOptions): Parameters<typeof setUp>[1] {
  const { node, allowSingleNode, allowOtherEngine } = options
  const storage =
    options.storage === 'sqlite'
      ? ({ engine: 'sqlite' } as const)
      : ({ engine: 'postgres', allowSingleNode, allowOtherEngine } as const)
  if (options.keystore === 'software') return { node, storage, keystore: { kind: 'software' } }
  const { pkcs11Module: module, token: tokenLabel, keyLabel } = options
  if (module === undefined || tokenLabel === undefined)
    throw new OperatorError('--keystore pkcs11 needs --pkcs11-module PATH and --token LABEL.')
  return { node, storage, keystore: { kind: 'pkcs11', module, tokenLabel, keyLabel } }
}

function pinOf(pinFile: string | undefined): { pinFile?: string } {
  return pinFile === undefined ? {} : { pinFile }
}
