/** Where Coffer keeps what it remembers on this computer. */
import { isAbsolute, join, resolve } from 'node:path'

/** What there is to know of the computer for finding it. */
export interface Computer {
  env: Readonly<Record<string, string | undefined>>
  platform: NodeJS.Platform
  /** The person's home folder. */
  userHome: string
  /** Where relative paths start: the folder the person stands in. */
  standing: string
}

/**
 * COFFER_HOME, or the usual place of this system: `$XDG_DATA_HOME/coffer` or `~/.local/share/coffer`,
 * `~/Library/Application Support/Coffer`, `%APPDATA%\Coffer`. Absolute. It need not exist.
 */
export function cofferHome({ env, platform, userHome, standing }: Computer): string {
  const chosen = env['COFFER_HOME']
  if (chosen) return resolve(standing, chosen)
  if (platform === 'darwin') return join(userHome, 'Library', 'Application Support', 'Coffer')
  if (platform === 'win32') return join(env['APPDATA'] || join(userHome, 'AppData', 'Roaming'), 'Coffer')
  // The XDG specification says to ignore a relative one.
  const data = env['XDG_DATA_HOME']
  return join(data && isAbsolute(data) ? data : join(userHome, '.local', 'share'), 'coffer')
}
