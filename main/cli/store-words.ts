/** Names of message stores for people. */
import type { StoreKindName } from '../core/stores/store.ts'

export const kindWords: Readonly<Record<StoreKindName, string>> = {
  'whatsapp-android': 'WhatsApp for Android',
  'whatsapp-apple': 'WhatsApp for iPhone and Mac',
  imessage: 'Messages (iMessage and SMS)',
  beeper: 'Beeper',
  sqlite: 'SQLite database',
}
