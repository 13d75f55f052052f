/** `coffer restore ARCHIVE TARGET`: brings a backup back, with every page and piece verified. */
import { restore, type RestoreResult } from '../../core/jobs/restore.ts'
import { givenPath } from '../given-path.ts'
import { type KeyOptions, withArchive } from '../open-archive.ts'
import { jsonWarnings } from '../output.ts'
import { type AddCommand, collect, examples, keyFileOption, passwordOption, vaultOption } from '../program.ts'
import { amount, bytes, number, printable } from '../words.ts'

interface RestoreOptions extends KeyOptions {
  snapshot?: string
  only: string[]
  salvage?: boolean
  overwrite?: boolean
  check: boolean
}

export const addRestore: AddCommand = (program, run) => {
  program
    .command('restore')
    .description('Bring back a backup, or a part of it.')
    .argument('<archive>', 'where the archive is')
    .argument('<target>', 'the folder to restore to; made if need be')
    .option('--snapshot <id>', 'which backup (default: the newest)')
    .option(
      '--only <glob>',
      'only files whose path matches, such as "Media/WhatsApp Images/**" (may be given several times)',
      collect,
      [],
    )
    .option('--salvage', 'where the archive is damaged, restore all that is intact')
    .option('--overwrite', 'replace files of the same name in the target')
    .option('--no-check', 'do not have SQLite check the databases too; every page is verified all the same')
    .addOption(keyFileOption())
    .addOption(passwordOption())
    .addOption(vaultOption())
    .addHelpText(
      'after',
      examples(
        'coffer restore /media/disk/messages ~/restored',
        'coffer restore /media/disk/messages ~/restored --only msgstore.db',
        'coffer restore /media/disk/messages ~/restored --snapshot 3f9c --salvage',
      ),
    )
    .action((where: string, given: string, options: RestoreOptions) =>
      run(async (desk) => {
        const target = givenPath(desk.world, given)
        const { signal, onProgress } = desk
        const { snapshot, only, salvage = false, overwrite = false, check } = options
        const result = await withArchive(desk, where, options, (session) =>
          restore(session, { target, snapshot, only, salvage, overwrite, quickCheck: check, signal, onProgress }),
        )
        return {
          json: { ...result, warnings: jsonWarnings(result.warnings) },
          text: restoreText(target, result),
          warnings: result.warnings,
        }
      }),
    )
}

export function restoreText(target: string, { files, bytes: size, integrity, missing }: RestoreResult): string {
  const lines = [`Restored ${amount(files, 'file')}, ${bytes(size)}, to ${printable(target)}.`]
  if (missing.length === 0) lines.push('Every page and every piece was verified.')
  if (integrity === 'not checked') lines.push('SQLite has not checked the databases.')
  else if (integrity !== 'ok') lines.push(`SQLite finds fault with the restored database: ${printable(integrity)}`)
  if (missing.length > 0) lines.push('This could not be brought back:', ...missing.slice(0, 20).map(missingLine))
  if (missing.length > 20) lines.push(`  … and ${number(missing.length - 20)} more (--json lists all)`)
  return lines.join('\n')
}

function missingLine({ path, pages, bytes: gone, files, kept }: RestoreResult['missing'][number]): string {
  const what = [
    ...(files === undefined ? [] : [`${amount(files, 'file')} whose names are lost`]),
    ...(pages === undefined ? [] : [`${amount(pages, 'page')}, zeros in their place`]),
    ...(gone === undefined ? [] : [bytes(gone)]),
    ...(kept === undefined ? [] : [`the rest is kept as ${printable(kept)}`]),
  ]
  return `  ${printable(path)}${what.length === 0 ? '' : `: ${what.join('; ')}`}`
}
