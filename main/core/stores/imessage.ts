/**
 * Messages (iMessage, SMS) on macOS: `chat.db`; on an iPhone `sms.db`, of the same schema. Times
 * are nanoseconds since 2001, plain seconds before macOS High Sierra.
 */
import { dirname, join } from 'node:path'
import { attributedText } from './attributed-text.ts'
import { oneRow, timeFromAppleSeconds, wholeNumber } from './cells.ts'
import type { NamedMedia, StoreKind } from './kind.ts'

export const imessage: StoreKind = {
  name: 'imessage',
  label: 'Messages (iMessage, SMS)',
  fileNames: ['chat.db', 'sms.db'],
  companions: [],
  mediaRoot: 'Attachments',
  tables: ['message', 'handle', 'chat_message_join'],

  usualPaths: ({ home, platform }) => (platform === 'darwin' ? [join(home, 'Library/Messages/chat.db')] : []),

  mediaFolders: (database) => [join(dirname(database), 'Attachments')],

  recognise: (schema) =>
    schema.has('message', 'guid', 'text', 'date', 'is_from_me') &&
    schema.has('chat', 'guid', 'chat_identifier') &&
    schema.has('handle', 'id') &&
    schema.has('chat_message_join', 'chat_id', 'message_id'),

  summarise(db) {
    const { chats } = oneRow(db, 'select count(*) as chats from chat')
    const { messages } = oneRow(db, 'select count(*) as messages from message')
    const { newest } = oneRow(db, 'select max(date) as newest from message')
    return { chats: wholeNumber(chats), messages: wholeNumber(messages), newest: timeFromAppleSeconds(seconds(newest)) }
  },

  *namedMedia(db, schema) {
    if (!schema.has('attachment', 'filename', 'total_bytes')) return
    const rows = db
      .prepare<[], { path: unknown; bytes: unknown }>(
        `select filename as path, total_bytes as bytes from attachment where typeof(filename) = 'text' and filename <> ''`,
      )
      .iterate()
    for (const { path, bytes } of rows)
      yield { path: placeOf(String(path)), bytes: wholeNumber(bytes) } satisfies NamedMedia
  },
}

/**
 * What a message says: its `text`, or where that is NULL, as it often is since macOS Ventura, what its
 * `attributedBody` holds. Null if it says nothing that can be read.
 */
export function messageText(row: { text: unknown; attributedBody: unknown }): string | null {
  if (typeof row.text === 'string' && row.text !== '') return row.text
  return row.attributedBody instanceof Uint8Array ? attributedText(row.attributedBody) : null
}

/** No message was sent 30,000 years after 2001, nor in its first 17 minutes: larger numbers are nanoseconds. */
function seconds(date: unknown): unknown {
  return typeof date === 'number' && date > 1e12 ? date / 1e9 : date
}

/** `~/Library/Messages/Attachments/ab/…` and `~/Library/SMS/Attachments/ab/…` lie in `Attachments/ab/…`. */
function placeOf(filename: string): string {
  const at = filename.indexOf('/Attachments/')
  return at < 0 ? filename : filename.slice(at + 1)
}
