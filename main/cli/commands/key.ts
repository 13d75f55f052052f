/** `coffer key show|check|sheet ARCHIVE`: the 64 digits, for those who keep them. */
import { showDigits, showLines } from '../../core/keys/sixty-four-digits.ts'
import { givenPath } from '../given-path.ts'
import { type KeyOptions, withProvenKey } from '../open-archive.ts'
import { requireOutsideArchive } from '../outside-archive.ts'
import { type AddCommand, examples, keyFileOption, passwordOption, vaultOption } from '../program.ts'
import { printable } from '../words.ts'

export const addKey: AddCommand = (program, run) => {
  const key = program.command('key').description('Show, check or print the 64-digit key of an archive.')

  key
    .command('show')
    .description('Show the key, in 16 groups of 4.')
    .argument('<archive>', 'where the archive is')
    .addOption(keyFileOption())
    .addOption(passwordOption())
    .addOption(vaultOption())
    .addHelpText('after', examples('coffer key show /media/disk/messages'))
    .action((where: string, options: KeyOptions) =>
      run((desk) =>
        withProvenKey(desk, where, { ...options, askKeychain: true }, async (secret, { archive }) => ({
          json: { archiveId: archive, key: showDigits(secret) },
          text: showLines(secret).join('\n'),
        })),
      ),
    )

  key
    .command('check')
    .description('Say whether the key that you have opens this archive.')
    .argument('<archive>', 'where the archive is')
    .addOption(keyFileOption())
    .addHelpText(
      'after',
      examples(
        'coffer key check /media/disk/messages',
        'coffer key check /media/disk/messages --key-file ~/coffer-sheet.pdf',
      ),
    )
    .action((where: string, options: KeyOptions) =>
      run((desk) =>
        // The keychain would only prove that it can open the archive, not that its owner still can.
        withProvenKey(desk, where, { ...options, askKeychain: false }, async () => ({
          json: { ok: true },
          text: 'This is the right key: it opens this archive.',
        })),
      ),
    )

  key
    .command('sheet')
    .description('Make a recovery sheet to print: the key, for eyes and for a camera.')
    .argument('<archive>', 'where the archive is')
    .requiredOption('--out <file>', 'the PDF to write, for its owner alone; an existing file is left as it is')
    .addOption(keyFileOption())
    .addOption(passwordOption())
    .addOption(vaultOption())
    .addHelpText('after', examples('coffer key sheet /media/disk/messages --out ~/coffer-sheet.pdf'))
    .action((where: string, options: KeyOptions & { out: string }) =>
      run((desk) =>
        withProvenKey(
          desk,
          where,
          { ...options, askKeychain: true },
          async (secret, { archive, header, destination }) => {
            const sheet = givenPath(desk.world, options.out)
            await requireOutsideArchive(destination.label, sheet)
            // Loaded only here: making PDFs is large, and no other command needs it.
            const { writeRecoverySheet } = await import('../../core/keys/recovery-sheet.ts')
            const check = header.keyCheck.toString('hex').slice(0, 8)
            await writeRecoverySheet(sheet, {
              key: secret,
              archiveId: archive,
              check,
              place: destination.label,
              made: desk.world.now(),
            })
            return {
              json: { archiveId: archive, sheet },
              text: `The recovery sheet is in ${printable(sheet)}.\nPrint it, keep it where you keep a passport, and delete the file: whoever has it can read the messages.`,
            }
          },
        ),
      ),
    )
}
