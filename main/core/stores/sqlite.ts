/** Any SQLite database, with folders of the person's choice: backed up whole, never counted or browsed. */
import type { StoreKind } from './kind.ts'

export const sqlite: StoreKind = {
  name: 'sqlite',
  label: 'SQLite database',
  fileNames: [],
  companions: [],
  mediaRoot: '',
  tables: [],
  usualPaths: () => [],
  mediaFolders: () => [],
  recognise: () => true,
  summarise: () => ({ chats: 0, messages: 0, newest: null }),
  namedMedia: () => [],
}
