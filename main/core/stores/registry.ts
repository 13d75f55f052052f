/** The kinds of store, in the order in which they are tried. `sqlite` recognises everything and comes last. */
import { beeper } from './beeper.ts'
import { imessage } from './imessage.ts'
import type { Schema, StoreKind } from './kind.ts'
import { sqlite } from './sqlite.ts'
import type { StoreKindName } from './store.ts'
import { whatsappAndroid } from './whatsapp-android.ts'
import { whatsappApple } from './whatsapp-apple.ts'

export const storeKinds: readonly StoreKind[] = [whatsappAndroid, whatsappApple, imessage, beeper, sqlite]

/** The kind of a store; with `newerThan` if it seems to be of that kind, in a version that this Coffer does not know. */
export function recognise(schema: Schema): { kind: StoreKind; newerThan?: StoreKind } {
  const kind = storeKinds.find((candidate) => candidate.recognise(schema)) ?? sqlite
  if (kind !== sqlite) return { kind }
  const newerThan = storeKinds.find(({ tables }) => tables.length > 0 && tables.every((table) => schema.has(table)))
  return newerThan ? { kind, newerThan } : { kind }
}

export function kindNamed(name: StoreKindName): StoreKind {
  return storeKinds.find((kind) => kind.name === name) ?? sqlite
}
