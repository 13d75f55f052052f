/** What every command has in common: how it is declared, its help, its examples, and wrong use in plain words. */
import { Command, CommanderError, Option } from 'commander'
import { CofferError } from '../../contract/errors.ts'
import type { Outcome } from './output.ts'
import type { Desk } from './perform.ts'

/** Does the work of a command that was understood. */
export type Run = (work: (desk: Desk) => Promise<Outcome>) => Promise<void>

/** Adds one command to the program. */
export type AddCommand = (program: Command, run: Run) => void

/** The program without its commands. Nothing is written by commander itself but through `write`. */
export function createProgram(version: string, width: number, write: { help: (text: string) => void }): Command {
  return new Command('coffer')
    .description('An end-to-end encrypted backup of the messages on your own computer.')
    .version(version, '--version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .option('--json', 'print the result as one JSON document')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false, helpWidth: width })
    .configureOutput({ writeOut: write.help, writeErr: () => undefined })
    .exitOverride()
    .addHelpText(
      'after',
      examples(
        'coffer detect',
        'coffer init /media/disk/messages --key-out ~/coffer-key.txt',
        'coffer backup ~/msgstore.db /media/disk/messages --media ~/WhatsApp/Media',
        'coffer restore /media/disk/messages ~/restored',
      ),
    )
    .addHelpText(
      'after',
      '\nThe key comes from --key-file, COFFER_KEY, this computer’s keychain, the password or a prompt; never from an argument.',
    )
}

/** A command's examples, as they stand at the end of its help. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`
}

/** --key-file, the same wherever an archive is opened. */
export function keyFileOption(): Option {
  return new Option('--key-file <file>', 'read the 64-digit key from a key file or a recovery sheet')
}

/** --password-stdin, the same wherever a password may open an archive. */
export function passwordOption(): Option {
  return new Option('--password-stdin', 'read the password from standard input; the archive’s vault checks it')
}

/** --vault where a password opens an archive. */
export function vaultOption(): Option {
  return new Option('--vault <url>', 'have the password checked there, if this computer does not know the vault')
}

/** For options that may be given several times. */
export function collect(value: string, earlier: string[]): string[] {
  return [...earlier, value]
}

/**
 * What commander threw, as ours: usage with a reason in words, or undefined when it only showed help or the version.
 * Anything else passes through.
 */
export function usageOf(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error
  if (error.exitCode === 0) return undefined
  if (error.code === 'commander.help') return new CofferError('usage', { reason: 'A command is needed.' })
  const said = error.message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .replaceAll("'", '“')
  return new CofferError('usage', { reason: sentence(said) })
}

/** `missing required argument “store“` → `Missing required argument “store”.` */
function sentence(text: string): string {
  let open = false
  const quoted = text.replace(/“/g, () => ((open = !open) ? '“' : '”'))
  const whole = /[.?!)]$/.test(quoted) ? quoted : `${quoted}.`
  return whole.charAt(0).toUpperCase() + whole.slice(1)
}
