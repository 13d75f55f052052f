/** `coffer init ARCHIVE`: makes an empty archive and its 64-digit key, and sees to it that something holds the key. */
import { lstat } from 'node:fs/promises'
import { CofferError } from '../../../contract/errors.ts'
import { headerName, previousHeaderName } from '../../core/archive/format/names.ts'
import { createDestination } from '../../core/destinations/registry.ts'
import { createArchive, requireNoArchive } from '../../core/jobs/create.ts'
import { escrow, type Escrowed, rememberEscrow } from '../../core/jobs/password/escrow.ts'
import type { ShownVault } from '../../core/jobs/password/set.ts'
import { writeKeyFile } from '../../core/keys/key-file.ts'
import type { Keychain } from '../../core/keys/keychain.ts'
import type { Secret } from '../../core/keys/secret.ts'
import { makeKey } from '../../core/keys/sixty-four-digits.ts'
import { parseVaultAddress } from '../../core/vault/address.ts'
import { newPassword } from '../given-password.ts'
import { givenPath } from '../given-path.ts'
import { requireOutsideArchive } from '../outside-archive.ts'
import type { Outcome } from '../output.ts'
import type { Desk } from '../perform.ts'
import { type AddCommand, examples } from '../program.ts'
import { introduce, knownOf, vaultJson, vaultWords } from '../vault-words.ts'
import { printable } from '../words.ts'

interface InitOptions {
  keyOut?: string
  keychain: boolean
  vault?: string
  passwordStdin?: boolean
  invite?: string
}

export const addInit: AddCommand = (program, run) => {
  program
    .command('init')
    .description('Make an empty archive and its 64-digit key.')
    .argument('<archive>', 'an empty folder, or one that will be made')
    .option('--key-out <file>', 'write the key to this new file, for its owner alone')
    .option('--no-keychain', 'do not keep the key in this computer’s keychain')
    .option('--vault <url>', 'have a vault guard the key too, behind a password')
    .option('--password-stdin', 'read that password from standard input')
    .option('--invite <token>', 'the invite, if the vault asks for one')
    .addHelpText(
      'after',
      examples(
        'coffer init /media/disk/messages',
        'coffer init /media/disk/messages --key-out ~/coffer-key.txt --no-keychain',
        'coffer init /media/disk/messages --vault https://vault.example.org --key-out ~/coffer-key.txt',
      ),
    )
    .action((where: string, options: InitOptions) => run((desk) => init(desk, where, options)))
}

async function init(desk: Desk, where: string, options: InitOptions): Promise<Outcome> {
  const { world, home } = desk
  const address = options.vault === undefined ? undefined : parseVaultAddress(options.vault)
  if (!address && (options.passwordStdin || options.invite !== undefined))
    throw new CofferError('usage', { reason: 'A password needs a vault: name one with --vault.' })
  const keyFile = options.keyOut === undefined ? null : givenPath(world, options.keyOut)
  if (keyFile === null && !options.keychain && !address) throw new CofferError('key_not_kept')
  if (keyFile !== null) await requireAbsent(keyFile)
  const password = address && (await newPassword(desk, { stdin: options.passwordStdin ?? false }))

  const { destination, undo } = await createDestination(where, world.standing)
  const key = makeKey()
  let created = false
  let escrowed: Escrowed | undefined
  try {
    if (keyFile !== null) await requireOutsideArchive(destination.label, keyFile)
    await requireNoArchive(destination)
    // The record before the archive that names it: whatever stops this, no header promises a password that does not
    // work, and no archive is left whose key nobody holds.
    if (address && password) {
      const { network, now, userName } = world
      const { signal, note } = desk
      const known = knownOf(userName, address.host)
      const onVault = (vault: ShownVault): void => introduce(vault, note)
      escrowed = await escrow({
        key,
        password,
        vault: address,
        invite: options.invite,
        known,
        network,
        now,
        onVault,
        signal,
      })
    }
    const { archiveId } = await createArchive({ destination, secret: key, vault: escrowed?.reference ?? null })
    created = true
    if (keyFile !== null) await writeKeyFile(keyFile, key, archiveId)
    const kept = options.keychain ? await keep(world.keychain, archiveId, key) : { keychain: false }
    if (keyFile === null && !kept.keychain && !escrowed)
      throw new CofferError('key_not_kept', { keychain: kept.trouble ?? null })
    if (escrowed) rememberEscrow(home, archiveId, escrowed)
    const vault = escrowed ? { vault: vaultJson(escrowed.vault) } : {}
    return {
      json: { archiveId, keyFile, keychain: kept.keychain, ...vault },
      text: initText(destination.label, keyFile, kept, escrowed?.vault),
    }
  } catch (error) {
    // An archive whose key nobody holds is of no use to anyone, and would be in the way of the next attempt.
    if (created)
      for (const name of [headerName, previousHeaderName]) await destination.delete(name).catch(() => undefined)
    await escrowed?.takeBack()
    await undo()
    throw error
  } finally {
    key.dispose()
    password?.fill(0)
  }
}

interface Kept {
  keychain: boolean
  /** Why the keychain does not hold it. */
  trouble?: string
}

async function keep(keychain: Keychain, archiveId: string, key: Secret): Promise<Kept> {
  try {
    await keychain.set(archiveId, key)
    return { keychain: true }
  } catch (error) {
    if (error instanceof CofferError && error.code === 'keychain_unavailable')
      return { keychain: false, trouble: String(error.detail['reason']) }
    throw error
  }
}

/** Before anything is made: the file would not be overwritten anyway, but then there would be an archive without a key. */
async function requireAbsent(file: string): Promise<void> {
  const there = await lstat(file).then(
    () => true,
    () => false,
  )
  if (there) throw new CofferError('key_file_exists', { path: file })
}

export function initText(
  archive: string,
  keyFile: string | null,
  { keychain, trouble }: Kept,
  vault?: ShownVault,
): string {
  const places = [...(keyFile === null ? [] : [printable(keyFile)]), ...(keychain ? ['this computer’s keychain'] : [])]
  const lines = [`Made an archive in ${printable(archive)}.`]
  if (vault) lines.push(`Its password is checked by the vault at ${vaultWords(vault)}.`)
  if (places.length > 0) lines.push(`Its 64-digit key is in ${places.join(' and in ')}.`)
  if (trouble !== undefined)
    lines.push(`${places.length > 0 ? 'It' : 'Its 64-digit key'} is not in a keychain: ${trouble}`)
  if (vault && keyFile === null)
    return [
      ...lines,
      '',
      'The vault opens it for whoever knows the password. After ten wrong ones it never does again.',
      keychain
        ? 'If the vault is lost and this computer too, nobody can open the archive, not even you.'
        : 'Without the vault, or without the password, nobody can open the archive, not even you.',
      'Having both, the password and the 64-digit key on paper, is recommended: “coffer key sheet” makes one to print.',
    ].join('\n')
  lines.push(
    '',
    vault
      ? 'Whoever has the key or the password can read the messages; without both nobody can, not even you.'
      : 'Whoever has the key can read the messages; without it nobody can, not even you.',
    'Keep a second copy of the key in another place: “coffer key sheet” makes one to print.',
  )
  return lines.join('\n')
}
