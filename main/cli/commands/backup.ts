/** `coffer backup STORE ARCHIVE`: seals the store as it is now. */
import { backup, type BackupResult } from '../../core/jobs/backup.ts'
import { givenStore } from '../given-store.ts'
import { type KeyOptions, withArchive } from '../open-archive.ts'
import { jsonWarnings } from '../output.ts'
import { type AddCommand, collect, examples, keyFileOption, passwordOption, vaultOption } from '../program.ts'
import { amount, bytes, duration, number, printable, table } from '../words.ts'

interface BackupOptions extends KeyOptions {
  media: string[]
  takeOver?: boolean
}

export const addBackup: AddCommand = (program, run) => {
  program
    .command('backup')
    .description('Seal a message store, as it is now, into an archive.')
    .argument('<store>', 'a database, or the folder that holds it')
    .argument('<archive>', 'where the archive is')
    .option('--media <dir>', 'a folder of media that belongs to the store (may be given several times)', collect, [])
    .option('--take-over', 'back up here from now on, instead of another computer')
    .addOption(keyFileOption())
    .addOption(passwordOption())
    .addOption(vaultOption())
    .addHelpText(
      'after',
      examples(
        'coffer backup ~/msgstore.db /media/disk/messages --media ~/WhatsApp/Media',
        'coffer backup ~/Library/Messages /Volumes/Disk/messages --key-file ~/coffer-key.txt',
      ),
    )
    .action((given: string, where: string, options: BackupOptions) =>
      run(async (desk) => {
        const { signal, onProgress } = desk
        // The store first: a mistyped path should not cost typing 64 digits.
        const store = await givenStore(desk, given, options.media)
        const result = await withArchive(desk, where, options, (session) =>
          backup(session, { store, takeOver: options.takeOver ?? false, signal, onProgress }),
        )
        return {
          json: {
            ...result,
            seconds: Math.round(result.seconds * 1000) / 1000,
            warnings: jsonWarnings(result.warnings),
          },
          text: backupText(result),
          warnings: result.warnings,
        }
      }),
    )
}

export function backupText({ seq, databases, files, uploaded, seconds }: BackupResult): string {
  const rows = databases.map(({ path, pages, changed }) => [
    printable(path),
    `${amount(pages, 'page')}, ${share(changed, pages)}`,
  ])
  const total = files.new + files.unchanged
  if (total + files.missing > 0) {
    const missing = files.missing > 0 ? `, ${number(files.missing)} named by the store but not on this computer` : ''
    rows.push(['media', `${amount(total, 'file')}, ${share(files.new, total)}${missing}`])
  }
  rows.push(['uploaded', `${bytes(uploaded.bytes)} in ${amount(uploaded.objects, 'object')}`])
  return `Backup ${number(seq)} is complete, after ${duration(seconds)}.\n${table(rows, { indent: '  ' })}`
}

function share(fresh: number, all: number): string {
  return fresh === 0 ? 'none of them new' : fresh === all ? 'all new' : `${number(fresh)} of them new`
}
