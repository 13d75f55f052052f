/** `coffer snapshots ARCHIVE`: the backups an archive holds. */
import { listSnapshots, type SnapshotLine } from '../../core/jobs/snapshots.ts'
import { type KeyOptions, withArchive } from '../open-archive.ts'
import { jsonWarnings } from '../output.ts'
import { type AddCommand, examples, keyFileOption, passwordOption, vaultOption } from '../program.ts'
import { bytes, moment, number, table } from '../words.ts'

export const addSnapshots: AddCommand = (program, run) => {
  program
    .command('snapshots')
    .description('List the backups in an archive.')
    .argument('<archive>', 'where the archive is')
    .addOption(keyFileOption())
    .addOption(passwordOption())
    .addOption(vaultOption())
    .addHelpText(
      'after',
      examples('coffer snapshots /media/disk/messages', 'coffer snapshots /media/disk/messages --json'),
    )
    .action((where: string, options: KeyOptions) =>
      run(async (desk) => {
        const { snapshots, warnings } = await withArchive(desk, where, options, listSnapshots)
        return { json: { snapshots, warnings: jsonWarnings(warnings) }, text: snapshotsText(snapshots), warnings }
      }),
    )
}

export function snapshotsText(snapshots: readonly SnapshotLine[]): string {
  if (snapshots.length === 0) return 'This archive holds no backup yet.'
  const rows = snapshots.map(({ seq, id, createdAt, kind, messages, newest, added }) => [
    number(seq),
    id,
    moment(createdAt),
    kind === 'sqlite' ? '–' : number(messages),
    moment(newest),
    bytes(added),
  ])
  return table([['', 'ID', 'Made', 'Messages', 'Newest message', 'Added'], ...rows], { right: [0, 3, 5] })
}
