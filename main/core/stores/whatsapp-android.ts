/**
 * WhatsApp on Android: `msgstore.db`, copied from a phone or decrypted from a `.crypt15` file.
 *
 * Times are milliseconds since 1970. The modern schema has `message`, the old one `messages`; during WhatsApp's own
 * migration both exist, and the one with rows counts. Row 1 is a sentinel in either.
 */
import { dirname, join } from 'node:path'
import type { Database } from 'better-sqlite3'
import { oneRow, timeFromMilliseconds, wholeNumber } from './cells.ts'
import type { NamedMedia, Schema, StoreKind } from './kind.ts'
import { phoneFolders } from './phone-folders.ts'
import type { Summary } from './store.ts'

export const whatsappAndroid: StoreKind = {
  name: 'whatsapp-android',
  label: 'WhatsApp (Android)',
  fileNames: ['msgstore.db'],
  // Names and numbers of people are kept apart from the messages.
  companions: ['wa.db'],
  mediaRoot: 'Media',
  tables: ['message', 'chat', 'jid'],

  usualPaths: ({ home }) => phoneFolders(home).map((folder) => join(folder, 'msgstore.db')),

  mediaFolders(database) {
    // Beside the database, or where the phone has it: WhatsApp/Databases/msgstore.db and WhatsApp/Media.
    const beside = dirname(database)
    return [join(beside, 'Media'), join(beside, 'WhatsApp', 'Media'), join(dirname(beside), 'Media')]
  },

  recognise: (schema) => isModern(schema) || isOld(schema),

  summarise(db, schema) {
    const modern = isModern(schema) ? summariseModern(db, schema) : undefined
    if (modern && (modern.messages > 0 || !isOld(schema))) return modern
    const old = summariseOld(db, schema)
    return modern && old.messages === 0 ? modern : old
  },

  *namedMedia(db, schema) {
    if (!schema.has('message_media', 'file_path', 'file_size')) return
    const rows = db
      .prepare<[], { path: unknown; bytes: unknown }>(
        `select file_path as path, file_size as bytes from message_media where typeof(file_path) = 'text' and file_path <> ''`,
      )
      .iterate()
    for (const { path, bytes } of rows) yield { path: String(path), bytes: wholeNumber(bytes) } satisfies NamedMedia
  },
}

const isModern = (schema: Schema) =>
  schema.has('message', '_id', 'chat_row_id', 'message_type', 'timestamp') && schema.has('chat', '_id')
const isOld = (schema: Schema) => schema.has('messages', '_id', 'key_remote_jid', 'data', 'timestamp')

function summariseModern(db: Database, schema: Schema): Summary {
  // Times are in no index, so every row is read, once and in order: left to itself SQLite would walk an index on
  // chat_row_id and look up each row, which takes twenty times as long (0.2 s against 3.7 s for 1.5 million).
  const { messages, newest } = oneRow(
    db,
    `select count(*) as messages, max(timestamp) as newest from message not indexed where chat_row_id > 0 and message_type <> 7`,
  )
  const visible = schema.has('chat', 'hidden') ? 'where coalesce(hidden, 0) = 0' : ''
  const { chats } = oneRow(db, `select count(*) as chats from chat ${visible}`)
  return { chats: wholeNumber(chats), messages: wholeNumber(messages), newest: timeFromMilliseconds(newest) }
}

function summariseOld(db: Database, schema: Schema): Summary {
  // Status 6 on a text is a system line, the old schema's message_type 7.
  // People's status updates are kept in the same table, as a chat of their own.
  const system = schema.has('messages', 'status', 'media_wa_type')
    ? `and not (cast(coalesce(media_wa_type, 0) as integer) = 0 and coalesce(status, 0) = 6)`
    : ''
  const counted = `from messages not indexed where key_remote_jid not in ('-1', 'status@broadcast') ${system}`
  const { messages, newest } = oneRow(db, `select count(*) as messages, max(timestamp) as newest ${counted}`)
  // Until 2019 there was no table of chats that tells the hidden ones.
  const { chats } = schema.has('chat', 'hidden')
    ? oneRow(db, 'select count(*) as chats from chat where coalesce(hidden, 0) = 0')
    : oneRow(db, `select count(distinct key_remote_jid) as chats ${counted}`)
  return { chats: wholeNumber(chats), messages: wholeNumber(messages), newest: timeFromMilliseconds(newest) }
}
