import { join } from 'node:path'

/** Where people put what they copied from a phone, absolute. */
export function phoneFolders(home: string): string[] {
  const folders = [
    'WhatsApp/Databases',
    'WhatsApp',
    'Documents/WhatsApp',
    'Documents',
    'Downloads/WhatsApp',
    'Downloads',
  ]
  return [...folders, 'Desktop'].map((folder) => join(home, folder))
}
