/** Names of message stores for people, and where their private copies lie. */
import { join } from 'node:path'
import type { StoreKindName } from '../core/stores/store.ts'

export const kindWords: Readonly<Record<StoreKindName, string>> = {
  'whatsapp-android': 'WhatsApp for Android',
  'whatsapp-apple': 'WhatsApp for iPhone and Mac',
  imessage: 'Messages (iMessage and SMS)',
  beeper: 'Beeper',
  sqlite: 'SQLite database',
}

/** The folder for private copies of databases, under COFFER_HOME; made when needed, for its owner alone. */
export function privateCopies(home: string): string {
  return join(home, 'tmp')
}
