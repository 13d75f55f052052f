/**
 * Stores that cannot be read as they are: known by where things lie, since they are encrypted or no databases; each
 * with one sentence why, and what to do instead.
 */
import { open, stat } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { CofferError } from '../../../contract/errors.ts'
import type { Machine } from './kind.ts'
import { phoneFolders } from './phone-folders.ts'

interface Unsupported {
  messenger: string
  why: string
  instead: string
  usualPaths(machine: Machine): string[]
  /** Whether this file or folder is such a store. */
  isAt(path: string): Promise<boolean>
}

const signal: Unsupported = {
  messenger: 'Signal Desktop',
  why: 'Signal keeps its messages in a database encrypted with a key of its own.',
  instead: 'Use Signal’s own backup, in its settings under “Backups”.',
  usualPaths: ({ home, platform, env }) => [join(applicationData(home, platform, env), 'Signal', 'sql', 'db.sqlite')],
  async isAt(path) {
    const database = (await isFolder(path)) ? join(path, 'sql', 'db.sqlite') : path
    if (basename(database) !== 'db.sqlite' || basename(dirname(database)) !== 'sql') return false
    return (await isEncrypted(database)) && (await exists(join(dirname(dirname(database)), 'config.json')))
  },
}

const whatsappWindows: Unsupported = {
  messenger: 'WhatsApp for Windows',
  why: 'WhatsApp for Windows keeps its messages in databases encrypted with a key of its own.',
  instead:
    'Back up WhatsApp on your phone (Settings, Chats, Chat backup, end-to-end encrypted) and give Coffer the .crypt15 file.',
  usualPaths({ home, platform, env }) {
    const local = env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local')
    return platform === 'win32' ? [join(local, 'Packages', '5319275A.WhatsAppDesktop_cv1g1gvanyjgm', 'LocalState')] : []
  },
  async isAt(path) {
    if (!path.split(sep).some((part) => part.includes('WhatsAppDesktop'))) return false
    return (await isFolder(path)) ? exists(join(path, 'messages.db')) : isEncrypted(path)
  },
}

const telegram: Unsupported = {
  messenger: 'Telegram',
  why: 'Telegram keeps its messages in the cloud; what lies on this computer is an encrypted cache.',
  instead: 'Use “Export Telegram data” in Telegram Desktop, under Settings, Advanced.',
  usualPaths({ home, platform, env }) {
    if (platform === 'win32') return [join(applicationData(home, platform, env), 'Telegram Desktop', 'tdata')]
    if (platform === 'darwin') {
      const own = join(home, 'Library', 'Group Containers', '6N38VWS5BX.ru.keepcoder.Telegram')
      return [join(home, 'Library', 'Application Support', 'Telegram Desktop', 'tdata'), own]
    }
    return [join(env['XDG_DATA_HOME'] ?? join(home, '.local', 'share'), 'TelegramDesktop', 'tdata')]
  },
  async isAt(path) {
    if (!(await isFolder(path))) return (await firstBytes(path)).subarray(0, 4).equals(Buffer.from('TDF$'))
    if (basename(path).endsWith('keepcoder.Telegram')) return true
    return (await exists(join(path, 'key_datas'))) || (await exists(join(path, 'tdata', 'key_datas')))
  },
}

const crypt15: Unsupported = {
  messenger: 'WhatsApp’s encrypted backup',
  why: 'This is a backup that WhatsApp encrypted with a 64-digit key of its own.',
  instead: 'Decrypt it with “coffer unlock-crypt15 FILE --out msgstore.db”, then back that up.',
  usualPaths: ({ home }) => phoneFolders(home).map((folder) => join(folder, 'msgstore.db.crypt15')),
  async isAt(path) {
    return path.endsWith('.crypt15') && !(await isFolder(path)) && (await isEncrypted(path))
  },
}

const all: readonly Unsupported[] = [signal, whatsappWindows, telegram, crypt15]

/** The error to give for this path, or undefined if it is no store that is known to be closed. */
export async function unsupportedAt(path: string): Promise<CofferError | undefined> {
  for (const { messenger, why, instead, isAt } of all) {
    if (await isAt(path)) return new CofferError('store_unsupported', { path, messenger, why, instead })
  }
  return undefined
}

/** Where such stores usually lie on this computer. */
export function unsupportedPaths(machine: Machine): string[] {
  return all.flatMap((one) => one.usualPaths(machine))
}

function applicationData(home: string, platform: NodeJS.Platform, env: Machine['env']): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support')
  if (platform === 'win32') return env['APPDATA'] ?? join(home, 'AppData', 'Roaming')
  return env['XDG_CONFIG_HOME'] ?? join(home, '.config')
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}

/** A file that has content and is no plain SQLite database; also one that may not be opened. */
async function isEncrypted(path: string): Promise<boolean> {
  if (!(await exists(path))) return false
  const bytes = await firstBytes(path)
  return !bytes.toString('latin1').startsWith('SQLite format 3')
}

async function firstBytes(path: string): Promise<Buffer> {
  const bytes = Buffer.alloc(16)
  try {
    const file = await open(path, 'r')
    try {
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
      return bytes.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch {
    return bytes.subarray(0, 0)
  }
}
