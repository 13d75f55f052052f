/** `coffer detect`: the message stores on this computer. */
import { type DetectedStore, detectStores } from '../../core/stores/detect.ts'
import { type AddCommand, examples } from '../program.ts'
import { printable } from '../words.ts'

export const addDetect: AddCommand = (program, run) => {
  program
    .command('detect')
    .description('Find the message stores on this computer.')
    .addHelpText('after', examples('coffer detect', 'coffer detect --json'))
    .action(() =>
      run(async ({ world }) => {
        const stores = await detectStores({ home: world.userHome, platform: world.platform, env: world.env })
        return { json: { stores }, text: detectText(stores) }
      }),
    )
}

export function detectText(stores: readonly DetectedStore[]): string {
  if (stores.length === 0) {
    return [
      'No message store was found where messengers keep them on this computer.',
      'A copy from a phone can be given by its path: coffer inspect msgstore.db',
    ].join('\n')
  }
  return stores
    .map(({ label, path, why }) =>
      [label, `  ${printable(path)}`, ...(why === undefined ? [] : [`  ${why.say}`, `  ${why.next}`])].join('\n'),
    )
    .join('\n\n')
}
