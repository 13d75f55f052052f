/** The kinds of store, in the order in which they are tried. `sqlite` recognises everything and comes last. */
import type { Schema, StoreKind } from './kind.ts'
import { sqlite } from './sqlite.ts'
import type { StoreKindName } from './store.ts'
import { whatsappAndroid } from './whatsapp-android.ts'

export const storeKinds: readonly StoreKind[] = [whatsappAndroid, sqlite]

export function recognise(schema: Schema): StoreKind {
  return storeKinds.find((kind) => kind.recognise(schema)) ?? sqlite
}

export function kindNamed(name: StoreKindName): StoreKind {
  return storeKinds.find((kind) => kind.name === name) ?? sqlite
}
