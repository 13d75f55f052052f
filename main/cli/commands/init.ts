/** `coffer init ARCHIVE`: makes an empty archive and its 64-digit key, and sees to it that something holds the key. */
import { lstat } from 'node:fs/promises'
import { CofferError } from '../../../contract/errors.ts'
import { headerName, previousHeaderName } from '../../core/archive/format/names.ts'
import { createDestination } from '../../core/destinations/registry.ts'
import { createArchive } from '../../core/jobs/create.ts'
import { writeKeyFile } from '../../core/keys/key-file.ts'
import type { Keychain } from '../../core/keys/keychain.ts'
import type { Secret } from '../../core/keys/secret.ts'
import { makeKey } from '../../core/keys/sixty-four-digits.ts'
import { givenPath } from '../given-path.ts'
import { requireOutsideArchive } from '../outside-archive.ts'
import type { Outcome } from '../output.ts'
import { type AddCommand, examples } from '../program.ts'
import type { Surroundings } from '../surroundings.ts'
import { printable } from '../words.ts'

interface InitOptions {
  keyOut?: string
  keychain: boolean
}

export const addInit: AddCommand = (program, run) => {
  program
    .command('init')
    .description('Make an empty archive and its 64-digit key.')
    .argument('<archive>', 'an empty folder, or one that will be made')
    .option('--key-out <file>', 'write the key to this new file, for its owner alone')
    .option('--no-keychain', 'do not keep the key in this computer’s keychain')
    .addHelpText(
      'after',
      examples(
        'coffer init /media/disk/messages',
        'coffer init /media/disk/messages --key-out ~/coffer-key.txt --no-keychain',
      ),
    )
    .action((where: string, options: InitOptions) => run(({ world }) => init(world, where, options)))
}

async function init(world: Surroundings, where: string, options: InitOptions): Promise<Outcome> {
  const keyFile = options.keyOut === undefined ? null : givenPath(world, options.keyOut)
  if (keyFile === null && !options.keychain) throw new CofferError('key_not_kept')
  if (keyFile !== null) await requireAbsent(keyFile)
  const { destination, undo } = await createDestination(where, world.standing)
  const key = makeKey()
  let created = false
  try {
    if (keyFile !== null) await requireOutsideArchive(destination.label, keyFile)
    const { archiveId } = await createArchive({ destination, secret: key })
    created = true
    if (keyFile !== null) await writeKeyFile(keyFile, key, archiveId)
    const kept = options.keychain ? await keep(world.keychain, archiveId, key) : { keychain: false }
    if (keyFile === null && !kept.keychain) throw new CofferError('key_not_kept', { keychain: kept.trouble ?? null })
    return { json: { archiveId, keyFile, keychain: kept.keychain }, text: initText(destination.label, keyFile, kept) }
  } catch (error) {
    // An archive whose key nobody holds is of no use to anyone, and would be in the way of the next attempt.
    if (created)
      for (const name of [headerName, previousHeaderName]) await destination.delete(name).catch(() => undefined)
    await undo()
    throw error
  } finally {
    key.dispose()
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

export function initText(archive: string, keyFile: string | null, { keychain, trouble }: Kept): string {
  const places = [...(keyFile === null ? [] : [printable(keyFile)]), ...(keychain ? ['this computer’s keychain'] : [])]
  const lines = [`Made an archive in ${printable(archive)}.`, `Its 64-digit key is in ${places.join(' and in ')}.`]
  if (trouble !== undefined) lines.push(`It is not in a keychain: ${trouble}`)
  lines.push(
    '',
    'Whoever has the key can read the messages; without it nobody can, not even you.',
    'Keep a second copy in another place: “coffer key sheet” makes one to print.',
  )
  return lines.join('\n')
}
