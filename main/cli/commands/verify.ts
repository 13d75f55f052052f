/** `coffer verify ARCHIVE`: is everything there, and what it should be? Lists all faults, not the first. */
import { describe } from '../../../contract/errors.ts'
import { verify, type VerifyResult } from '../../core/jobs/verify.ts'
import { type KeyOptions, withArchive } from '../open-archive.ts'
import { jsonWarnings } from '../output.ts'
import { type AddCommand, examples, keyFileOption, passwordOption, vaultOption } from '../program.ts'
import { amount, bytes, printable } from '../words.ts'

interface VerifyOptions extends KeyOptions {
  read?: boolean
  proof?: boolean
}

export const addVerify: AddCommand = (program, run) => {
  program
    .command('verify')
    .description('Check that an archive is whole.')
    .argument('<archive>', 'where the archive is')
    .option('--read', 'read and check every byte, not only what is there and how long it is')
    .option('--proof', 'restore everything to a private place, check it, and delete it again')
    .addOption(keyFileOption())
    .addOption(passwordOption())
    .addOption(vaultOption())
    .addHelpText(
      'after',
      examples('coffer verify /media/disk/messages', 'coffer verify /media/disk/messages --read --json'),
    )
    .action((where: string, options: VerifyOptions) =>
      run(async (desk) => {
        const { read = false, proof = false } = options
        const { signal, onProgress } = desk
        const result = await withArchive(desk, where, options, (session) =>
          verify(session, { read, proof, signal, onProgress }),
        )
        return {
          json: { ...result, warnings: jsonWarnings(result.warnings) },
          text: verifyText(result, { read, proof }),
          warnings: result.warnings,
          ...(result.ok ? {} : { exit: 4 }),
        }
      }),
    )
}

export function verifyText(
  { ok, checked, faults }: VerifyResult,
  { read, proof }: { read: boolean; proof: boolean },
): string {
  const extent = `${amount(checked.objects, 'object')}, ${bytes(checked.bytes)}`
  if (ok) {
    if (proof) return `All is well: everything was restored, checked and compared (${extent}).`
    if (read) return `All is well: every byte was read and checked (${extent}).`
    return `All is well: everything is there, with its right length (${extent}).\nTo check every byte as well, add --read.`
  }
  const lines = faults.map(
    ({ code, object }) => `  ${object === '' ? '' : `${printable(object)}: `}${describe(code).say}`,
  )
  const advice = new Set(faults.map(({ code }) => describe(code).next))
  return [`Found ${amount(faults.length, 'fault')} in ${extent}:`, ...lines, ...advice].join('\n')
}
