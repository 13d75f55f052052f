/** `coffer unlock-crypt15 FILE --out DB`: opens WhatsApp's own end-to-end encrypted backup. */
import { readCrypt15KeyFile } from '../../core/stores/crypt15-key.ts'
import { unlockCrypt15 } from '../../core/stores/crypt15.ts'
import { givenPath } from '../given-path.ts'
import { findKey } from '../key-source.ts'
import { type AddCommand, examples } from '../program.ts'
import { bytes, printable } from '../words.ts'

interface UnlockOptions {
  out: string
  keyFile?: string
}

export const addUnlockCrypt15: AddCommand = (program, run) => {
  program
    .command('unlock-crypt15')
    .description('Decrypt WhatsApp’s end-to-end encrypted backup (msgstore.db.crypt15) with its own 64-digit key.')
    .argument('<file>', 'the encrypted file, copied from the phone')
    .requiredOption('--out <db>', 'the database to write; an existing file is left as it is')
    .option('--key-file <file>', 'read WhatsApp’s key from a text file, or from encrypted_backup.key')
    .addHelpText(
      'after',
      examples(
        'coffer unlock-crypt15 msgstore.db.crypt15 --out msgstore.db',
        'coffer unlock-crypt15 msgstore.db.crypt15 --out msgstore.db --key-file encrypted_backup.key',
      ),
    )
    .action((given: string, options: UnlockOptions) =>
      run(async ({ world, ask, note, signal, onProgress }) => {
        const file = givenPath(world, given)
        const out = givenPath(world, options.out)
        const source = {
          keyFile: options.keyFile === undefined ? undefined : givenPath(world, options.keyFile),
          readFile: async (path: string) => ({ key: await readCrypt15KeyFile(path), openToOthers: false }),
          env: world.env,
          // It keeps Coffer's keys; this one is WhatsApp's.
          keychain: undefined,
          ask: ask && (() => ask('WhatsApp’s 64-digit key for this backup:')),
          note,
        }
        const { key } = await findKey(source, undefined)
        try {
          const { bytes: size } = await unlockCrypt15({ file, key, out, signal, onProgress })
          return {
            json: { file, out, bytes: size },
            text: `Decrypted to ${printable(out)} (${bytes(size)}).\nAnyone who has this file can read the messages in it: back it up, then delete it.`,
          }
        } finally {
          key.dispose()
        }
      }),
    )
}
