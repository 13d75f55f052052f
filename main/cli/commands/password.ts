/** `coffer password set|change|remove ARCHIVE`: the password beside the 64-digit key, which never changes. */
import type { Command } from 'commander'
import { CofferError } from '../../../contract/errors.ts'
import { removePassword } from '../../core/jobs/password/remove.ts'
import { setPassword } from '../../core/jobs/password/set.ts'
import type { Session } from '../../core/jobs/session.ts'
import type { Secret } from '../../core/keys/secret.ts'
import { parseVaultAddress } from '../../core/vault/address.ts'
import { newPassword, oldAndNew } from '../given-password.ts'
import type { KeyOrigin } from '../key-source.ts'
import { type KeyOptions, withProvenKey } from '../open-archive.ts'
import { jsonWarnings, type Outcome } from '../output.ts'
import type { Desk } from '../perform.ts'
import type { Surroundings } from '../surroundings.ts'
import { type AddCommand, examples, keyFileOption, passwordOption, type Run } from '../program.ts'
import { introduce, knownOf, vaultJson, vaultWords } from '../vault-words.ts'

interface SetOptions extends KeyOptions {
  invite?: string
}

export const addPassword: AddCommand = (program, run) => {
  const password = program.command('password').description('Set, change or remove the password of an archive.')
  addSetting(password, run, {
    name: 'set',
    does: 'Have a vault guard the key behind this password, whatever was before.',
    example: 'coffer password set /media/disk/messages --vault https://vault.example.org',
    mustHaveOne: false,
  })
  addSetting(password, run, {
    name: 'change',
    does: 'Put another password in place of the one there is.',
    example: 'coffer password change /media/disk/messages',
    mustHaveOne: true,
  })
  password
    .command('remove')
    .description('Take the password away: only the 64-digit key then opens the archive.')
    .argument('<archive>', 'where the archive is')
    .addOption(keyFileOption())
    .addOption(passwordOption())
    .addHelpText('after', examples('coffer password remove /media/disk/messages --key-file ~/coffer-key.txt'))
    .action((where: string, options: KeyOptions) =>
      run((desk) =>
        withProvenKey(desk, where, { ...options, askKeychain: true }, (key, session, from) =>
          remove(desk, session, { key, from }),
        ),
      ),
    )
}

interface Setting {
  name: string
  does: string
  example: string
  mustHaveOne: boolean
}

function addSetting(command: Command, run: Run, { name, does, example, mustHaveOne }: Setting): void {
  command
    .command(name)
    .description(does)
    .argument('<archive>', 'where the archive is')
    .option('--vault <url>', 'the vault, if it is not the one the archive has, or if nothing confirms that one')
    .option('--invite <token>', 'the invite, if the vault asks for one')
    .option(
      '--password-stdin',
      'read from standard input: the old password and the new one in two lines, or the new one alone if the key is at hand',
    )
    .addOption(keyFileOption())
    .addHelpText('after', examples(example, `coffer password ${name} /media/disk/messages --key-file ~/coffer-key.txt`))
    .action((where: string, options: SetOptions) => run((desk) => set(desk, where, options, mustHaveOne)))
}

async function set(desk: Desk, where: string, options: SetOptions, mustHaveOne: boolean): Promise<Outcome> {
  const named = options.vault === undefined ? undefined : parseVaultAddress(options.vault)
  const typed = options.passwordStdin ? await oldAndNew(desk) : undefined
  const { old, fresh } = typed ?? {}
  const opening = {
    ...(options.keyFile === undefined ? {} : { keyFile: options.keyFile }),
    // The old password is checked at the vault that the archive names; --vault is about the new one.
    ...(named ? { vaultIfSame: named } : {}),
    ...(old ? { passwordStdin: true, readPassword: () => Promise.resolve(old) } : {}),
    askKeychain: true,
  }
  return await withProvenKey(desk, where, opening, async (key, session) => {
    const { archive, header } = session
    if (mustHaveOne && !header.vault) throw new CofferError('no_password')
    const password = fresh ?? (await newPassword(desk, { stdin: false }))
    try {
      const { network, userName } = desk.world
      const host = named?.host ?? (header.vault ? parseVaultAddress(header.vault.address).host : undefined)
      const { vault, warnings } = await setPassword(session, {
        key,
        password,
        named,
        invite: options.invite,
        known: knownOf(userName, host),
        network,
        onVault: (it) => introduce(it, desk.note),
        signal: desk.signal,
      })
      const all = [...session.warnings, ...warnings]
      return {
        json: { archiveId: archive, vault: vaultJson(vault), warnings: jsonWarnings(all) },
        text: `The password is set. It is checked by the vault at ${vaultWords(vault)}.\nThe 64-digit key is the same as before, and no backup has to be made again.`,
        warnings: all,
      }
    } finally {
      password.fill(0)
    }
  })
}

async function remove(
  { world, signal }: Desk,
  session: Session,
  { key, from }: { key: Secret; from: KeyOrigin },
): Promise<Outcome> {
  // Whoever has the password alone would shut themselves out.
  if (from === 'password' && !(await isInKeychain(world, session.archive))) throw new CofferError('only_password')
  const { warnings } = await removePassword(session, { key, network: world.network, signal })
  const all = [...session.warnings, ...warnings]
  return {
    json: { archiveId: session.archive, removed: true, warnings: jsonWarnings(all) },
    text: 'The password is removed, and the vault has deleted what it held. The archive opens with its 64-digit key.',
    warnings: all,
  }
}

async function isInKeychain({ keychain }: Surroundings, archive: string): Promise<boolean> {
  try {
    return await keychain.has(archive)
  } catch (error) {
    if (error instanceof CofferError && error.code === 'keychain_unavailable') return false
    throw error
  }
}
