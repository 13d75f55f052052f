/** `coffer inspect STORE`: what a message store holds. */
import type { Inspection } from '../../core/stores/store.ts'
import { givenStore } from '../given-store.ts'
import { type AddCommand, examples } from '../program.ts'
import { kindWords } from '../store-words.ts'
import { amount, bytes, moment, number, printable, table } from '../words.ts'

export const addInspect: AddCommand = (program, run) => {
  program
    .command('inspect')
    .description('Say what a message store holds: chats, messages, media.')
    .argument('<store>', 'a database, or the folder that holds it')
    .addHelpText('after', examples('coffer inspect ~/msgstore.db', 'coffer inspect ~/Library/Messages --json'))
    .action((given: string) =>
      run(async (desk) => {
        const store = await givenStore(desk, given)
        const found = await store.inspect({ signal: desk.signal, onProgress: desk.onProgress })
        return { json: { ...found }, text: inspectionText(store.path, found) }
      }),
    )
}

export function inspectionText(path: string, { kind, chats, messages, newest, media, databases }: Inspection): string {
  const rows = [
    ...(kind === 'sqlite'
      ? []
      : [
          ['messages', `${number(messages)} in ${amount(chats, 'chat')}`],
          ['newest', moment(newest)],
        ]),
    ...(media.files > 0 ? [['media', `${amount(media.files, 'file')} named, ${bytes(media.bytes)}`]] : []),
    ...databases.map(({ path, pages, pageSize }) => [
      'database',
      `${printable(path)}, ${bytes(pages * pageSize)} (${amount(pages, 'page')} of ${number(pageSize)} bytes)`,
    ]),
  ]
  return `${kindWords[kind]}: ${printable(path)}\n${table(rows, { indent: '  ' })}`
}
