/** A person's WhatsApp folder, made up. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { makeMedia } from '../fixtures/make-media.ts'
import { addDay, type MadeStore, makeWhatsAppAndroid } from '../fixtures/make-whatsapp-android.ts'

export class MadeUpStore {
  readonly folder: string
  readonly database: string

  constructor(folder: string) {
    this.folder = folder
    this.database = join(folder, 'msgstore.db')
    mkdirSync(folder, { recursive: true })
  }

  /** Some 20,000 messages of four years, with a few hundred small files. */
  begin(): MadeStore {
    const made = makeWhatsAppAndroid(this.database, {
      messages: 20_000,
      chats: 46,
      media: { files: 300, bytes: 12e6 },
      journal: 'wal',
    })
    makeMedia(this.folder, made.media, 1)
    return made
  }

  /** One more day. */
  liveOn(): MadeStore {
    const made = addDay(this.database, { messages: 200, media: { files: 5, bytes: 250_000 }, seed: 2 })
    makeMedia(this.folder, made.media, 2)
    return made
  }

  /** What nobody else should be able to read: message texts, numbers, names of files. */
  secrets(): string[] {
    // Opened for writing, though nothing is written: a reader of a WAL database would leave two files beside it.
    const db = new Database(this.database, { fileMustExist: true })
    try {
      const some = (sql: string): string[] => db.prepare<[], string>(sql).pluck().all()
      // Small talk repeats itself.
      return [
        ...some(
          `select distinct text_data from message where length(text_data) between 16 and 60 order by text_data limit 100`,
        ),
        ...some(`select distinct user from jid where length(user) >= 10 order by user limit 25`),
        ...some(`select distinct file_path from message_media order by file_path limit 25`),
      ]
    } finally {
      db.close()
    }
  }
}
