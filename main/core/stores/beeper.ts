/** Beeper's desktop app: `BeeperTexts/index.db`. Times are milliseconds since 1970. */
import { dirname, join } from 'node:path'
import { oneRow, timeFromMilliseconds, wholeNumber } from './cells.ts'
import type { NamedMedia, StoreKind } from './kind.ts'

/** What a person would call a message: reactions and the app's own marks are rows, too. */
const shown = `sent.type not in ('HIDDEN', 'REACTION') and sent.isDeleted = 0`

export const beeper: StoreKind = {
  name: 'beeper',
  label: 'Beeper',
  fileNames: ['index.db'],
  companions: [],
  mediaRoot: 'media',
  tables: ['mx_room_messages'],

  usualPaths({ home, platform, env }) {
    const base =
      platform === 'darwin'
        ? join(home, 'Library/Application Support')
        : platform === 'win32'
          ? (env['APPDATA'] ?? join(home, 'AppData/Roaming'))
          : (env['XDG_CONFIG_HOME'] ?? join(home, '.config'))
    return [join(base, 'BeeperTexts', 'index.db')]
  },

  mediaFolders: (database) => [join(dirname(database), 'media')],

  recognise: (schema) =>
    schema.has('mx_room_messages', 'type', 'isDeleted', 'message', 'timestamp') && schema.has('threads'),

  summarise(db) {
    const { chats } = oneRow(db, 'select count(*) as chats from threads')
    const { messages, newest } = oneRow(
      db,
      `select count(*) as messages, max(timestamp) as newest from mx_room_messages as sent not indexed where ${shown}`,
    )
    return { chats: wholeNumber(chats), messages: wholeNumber(messages), newest: timeFromMilliseconds(newest) }
  },

  *namedMedia(db) {
    // json_each would stop at the first row that is no JSON.
    const rows = db
      .prepare<[], { id: unknown; url: unknown; bytes: unknown }>(
        `select attachment.value ->> 'id' as id, attachment.value ->> 'srcURL' as url, attachment.value ->> 'fileSize' as bytes
         from mx_room_messages as sent, json_each(iif(json_valid(sent.message), sent.message, '{}'), '$.attachments') as attachment
         where ${shown} and attachment.type = 'object'`,
      )
      .iterate()
    for (const { id, url, bytes } of rows) {
      const path = placeOf(id) ?? placeOf(url)
      if (path !== undefined) yield { path, bytes: wholeNumber(bytes) } satisfies NamedMedia
    }
  },
}

/** `mxc://host/id` is kept as `media/host/id`, `localmxc://bridge/id` as `media/localhostbridge/id`. */
function placeOf(address: unknown): string | undefined {
  if (typeof address !== 'string') return undefined
  const [, scheme, rest] = /^(mxc|localmxc):\/\/([^?#]+)/.exec(address) ?? []
  if (rest !== undefined) return scheme === 'mxc' ? `media/${rest}` : `media/localhost${rest}`
  const [, inside] = /^file:\/\/[^?#]*\/(media\/[^?#]+)/.exec(address) ?? []
  return inside
}
