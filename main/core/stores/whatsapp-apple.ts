/**
 * WhatsApp on macOS and iOS: `ChatStorage.sqlite`, a Core Data store. Times are seconds since
 * 2001, with a fraction.
 */
import { dirname, join } from 'node:path'
import { oneRow, timeFromAppleSeconds, wholeNumber } from './cells.ts'
import type { NamedMedia, StoreKind } from './kind.ts'

export const whatsappApple: StoreKind = {
  name: 'whatsapp-apple',
  label: 'WhatsApp (macOS, iPhone)',
  fileNames: ['ChatStorage.sqlite'],
  companions: [],
  mediaRoot: 'Message',
  tables: ['ZWAMESSAGE'],

  usualPaths: ({ home, platform }) =>
    platform === 'darwin'
      ? [join(home, 'Library/Group Containers/group.net.whatsapp.WhatsApp.shared/ChatStorage.sqlite')]
      : [],

  mediaFolders: (database) => [join(dirname(database), 'Message')],

  recognise: (schema) =>
    schema.has('ZWAMESSAGE', 'ZTEXT', 'ZMESSAGEDATE', 'ZCHATSESSION') && schema.has('ZWACHATSESSION', 'ZREMOVED'),

  summarise(db) {
    const { chats } = oneRow(db, 'select count(*) as chats from ZWACHATSESSION where ZREMOVED = 0')
    // Two statements: each is answered from an index alone.
    const { messages } = oneRow(db, 'select count(*) as messages from ZWAMESSAGE')
    const { newest } = oneRow(db, 'select max(ZMESSAGEDATE) as newest from ZWAMESSAGE')
    return { chats: wholeNumber(chats), messages: wholeNumber(messages), newest: timeFromAppleSeconds(newest) }
  },

  *namedMedia(db, schema) {
    if (!schema.has('ZWAMEDIAITEM', 'ZMEDIALOCALPATH', 'ZFILESIZE')) return
    const rows = db
      .prepare<[], { path: unknown; bytes: unknown }>(
        `select ZMEDIALOCALPATH as path, ZFILESIZE as bytes from ZWAMEDIAITEM where typeof(ZMEDIALOCALPATH) = 'text' and ZMEDIALOCALPATH <> ''`,
      )
      .iterate()
    for (const { path, bytes } of rows)
      yield { path: `Message/${String(path)}`, bytes: wholeNumber(bytes) } satisfies NamedMedia
  },
}
