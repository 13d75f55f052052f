/** The command line's composition root: its commands, and how one is found and run. */
import type { Command } from 'commander'
import { describe } from '../../contract/errors.ts'
import { addActivity } from './commands/activity.ts'
import { addBackup } from './commands/backup.ts'
import { addDetect } from './commands/detect.ts'
import { addForget } from './commands/forget.ts'
import { addInit } from './commands/init.ts'
import { addInspect } from './commands/inspect.ts'
import { addKey } from './commands/key.ts'
import { addPassword } from './commands/password.ts'
import { addRestore } from './commands/restore.ts'
import { addSnapshots } from './commands/snapshots.ts'
import { addVerify } from './commands/verify.ts'
import { addUnlockCrypt15 } from './commands/unlock-crypt15.ts'
import { jsonDocument } from './output.ts'
import { perform, writeFailure } from './perform.ts'
import { type AddCommand, createProgram, type Run, usageOf } from './program.ts'
import type { Surroundings } from './surroundings.ts'

const commands: readonly AddCommand[] = [
  addDetect,
  addInspect,
  addInit,
  addBackup,
  addSnapshots,
  addVerify,
  addRestore,
  addForget,
  addKey,
  addPassword,
  addActivity,
  addUnlockCrypt15,
]

/** Runs `coffer …args`, writes what there is to say, and gives the exit code. Never throws. */
export async function main(world: Surroundings, version: string): Promise<number> {
  const json = asksForJson(world.args)
  let exit = 0
  let help = ''
  const program = withCommands(
    createProgram(version, world.stdout.columns || 100, { help: (text) => (help += text) }),
    async (work) => {
      exit = await perform(world, { json, next: adviceFor(program, world.args) }, work)
    },
  )
  if (world.args.length === 0) {
    // Wrong use, but of the kind that asks what there is.
    program.outputHelp()
    world.stderr.write(help)
    return describe('usage').exit
  }
  try {
    await program.parseAsync([...world.args], { from: 'user' })
  } catch (error) {
    const usage = usageOf(error)
    if (usage !== undefined) return writeFailure(world, { json, next: adviceFor(program, world.args) }, usage)
  }
  if (help !== '') world.stdout.write(json ? jsonDocument({ help }, world.stdout.isTTY ?? false) : help)
  return exit
}

/** Adds every command there is. */
export function withCommands(program: Command, run: Run): Command {
  for (const add of commands) add(program, run)
  return program
}

/** Known before anything is parsed, since wrong use has to be answered in JSON as well. */
export function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? args.length : end).includes('--json')
}

/** The next step for wrong use: the help of the command that was meant, as far as that can be told. */
function adviceFor(program: Command, args: readonly string[]): string {
  const meant = args.find((arg) => !arg.startsWith('-'))
  const known = program.commands.find((command) => command.name() === meant)
  return known ? `See “coffer ${known.name()} --help”.` : 'See “coffer --help”.'
}
