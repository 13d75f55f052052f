/** `coffer forget ARCHIVE --keep …`: deletes older backups, and what only they needed. */
import { CofferError } from '../../../contract/errors.ts'
import type { KeepRule } from '../../core/archive/forget/keep-rule.ts'
import { forget, type ForgetResult } from '../../core/jobs/forget.ts'
import { type KeyOptions, withArchive } from '../open-archive.ts'
import { jsonWarnings } from '../output.ts'
import { type AddCommand, collect, examples, keyFileOption, passwordOption, vaultOption } from '../program.ts'
import { amount, bytes, number } from '../words.ts'

interface ForgetOptions extends KeyOptions {
  keep?: string
  snapshot: string[]
}

export const addForget: AddCommand = (program, run) => {
  program
    .command('forget')
    .description('Delete older backups, and what only they needed; the newest always stays.')
    .argument('<archive>', 'where the archive is')
    .option(
      '--keep <rule>',
      'smart (hourly for a day, daily for a month, monthly for ever), last:N, or all (only tidies up)',
    )
    .option('--snapshot <id>', 'delete this backup (may be given several times)', collect, [])
    .addOption(keyFileOption())
    .addOption(passwordOption())
    .addOption(vaultOption())
    .addHelpText(
      'after',
      examples(
        'coffer forget /media/disk/messages --keep smart',
        'coffer forget /media/disk/messages --keep last:30',
        'coffer forget /media/disk/messages --snapshot 3f9c',
      ),
    )
    .action((where: string, options: ForgetOptions) =>
      run(async (desk) => {
        const what = whatToForget(options)
        const { signal, onProgress } = desk
        const result = await withArchive(desk, where, options, (session) =>
          forget(session, { ...what, signal, onProgress }),
        )
        return {
          json: { ...result, warnings: jsonWarnings(result.warnings) },
          text: forgetText(result),
          warnings: result.warnings,
        }
      }),
    )
}

/** Exactly one of --keep and --snapshot: both would leave open which of them wins. */
export function whatToForget({
  keep,
  snapshot,
}: Pick<ForgetOptions, 'keep' | 'snapshot'>): { keep: KeepRule } | { snapshots: string[] } {
  if ((keep === undefined) === (snapshot.length === 0))
    throw new CofferError('usage', { reason: 'Give either --keep or --snapshot.' })
  if (keep === undefined) return { snapshots: snapshot }
  if (keep === 'smart' || keep === 'all') return { keep }
  const last = /^last:([1-9][0-9]{0,6})$/.exec(keep)?.[1]
  if (last === undefined)
    throw new CofferError('usage', { reason: '--keep takes smart, last:N (with N from 1 on) or all.' })
  return { keep: { last: Number(last) } }
}

export function forgetText({ forgotten, kept, deleted, repacked, written }: ForgetResult): string {
  const head = `${forgotten.length === 0 ? 'No backup was deleted' : `Deleted ${amount(forgotten.length, 'backup')}`}; ${kept === 1 ? '1 is' : `${number(kept)} are`} left.`
  const objects = deleted.objects + repacked.objects
  if (objects === 0) return `${head}\nThere was nothing else to tidy up.`
  // Repacking can cost more than it frees when little was to be gained; then there is nothing to boast of.
  const gained = Math.max(0, deleted.bytes + repacked.bytes - written.bytes)
  const again =
    written.objects === 0
      ? ''
      : ` (${bytes(written.bytes)} of what they held was kept, in ${amount(written.objects, 'new object')})`
  return `${head}\nRemoved ${amount(objects, 'object')}${again}, which makes ${bytes(gained)} of room.`
}
