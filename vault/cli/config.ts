/** What a vault remembers of its set-up: `vault.json` in its data folder. No secret is in it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { OperatorError } from './operator-error.ts'

const Config = z.strictObject({
  version: z.literal(1),
  /** Which of the vault's nodes this is: its anchor goes by it. */
  node: z.string(),
  /** SHA-256 of the identity, base64url. */
  fingerprint: z.string().length(43),
  keystore: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('software') }),
    z.strictObject({
      kind: z.literal('pkcs11'),
      module: z.string(),
      tokenLabel: z.string(),
      keyLabel: z.string(),
    }),
  ]),
  storage: z.discriminatedUnion('engine', [
    z.strictObject({ engine: z.literal('sqlite') }),
    z.strictObject({ engine: z.literal('postgres'), allowSingleNode: z.boolean(), allowOtherEngine: z.boolean() }),
  ]),
})
export type Config = z.infer<typeof Config>

const name = 'vault.json'

/** The folder of the vault: what `--data` says, COFFER_VAULT_DATA, or where this system keeps such things. */
export function dataFolder(given: string | undefined, env: NodeJS.ProcessEnv): string {
  const folder = given ?? env['COFFER_VAULT_DATA']
  if (folder !== undefined && folder !== '') return folder
  if (process.platform === 'win32') return join(env['LOCALAPPDATA'] ?? homedir(), 'coffer-vault')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'coffer-vault')
  return join(env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'coffer-vault')
}

/** Undefined where no vault was set up. OperatorError for one that cannot be understood. */
export function readConfig(folder: string): Config | undefined {
  const file = join(folder, name)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') return undefined
    throw new OperatorError(`${file} cannot be read (${String(code)}).`)
  }
  try {
    return Config.parse(JSON.parse(text))
  } catch {
    throw new OperatorError(
      `${file} is not a vault’s configuration. Put it back from a copy, or choose another --data.`,
    )
  }
}

/** Never overwrites one. */
export function writeConfig(folder: string, config: Config): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, name), `${JSON.stringify(config, undefined, 2)}\n`, {
    flag: 'wx',
    mode: 0o600,
    flush: true,
  })
}
