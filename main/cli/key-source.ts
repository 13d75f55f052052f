/**
 * Where the key of an archive comes from: the password on standard input, the file the person names, COFFER_KEY, this
 * computer's keychain, or the person at the terminal, who may have a password or the digits; in this order, and never an
 * argument, since other users can see those.
 */
import { CofferError } from '../../contract/errors.ts'
import type { Keychain } from '../core/keys/keychain.ts'
import { type FileKey, readKeyFile } from '../core/keys/key-file.ts'
import type { Secret } from '../core/keys/secret.ts'
import { type ReadKey, readKey } from '../core/keys/sixty-four-digits.ts'
import type { Unlocked } from '../core/jobs/password/unlock.ts'
import type { PasswordSource } from './password-source.ts'

export type KeyOrigin = 'key file' | 'COFFER_KEY' | 'keychain' | 'prompt' | 'password'

/** The caller disposes of the key. */
export interface FoundKey {
  key: Secret
  from: KeyOrigin
  /** What the vault told, where it was a password that brought the key. */
  unlocked?: Unlocked
}

export interface KeySource {
  /** --key-file, absolute. */
  keyFile: string | undefined
  /** How it is read, where it is not one of Coffer's. */
  readFile?: (path: string) => Promise<FileKey>
  /** The environment. COFFER_KEY is taken out of it, so that no process started later inherits it. */
  env: Record<string, string | undefined>
  /** Undefined where the keychain is not to be asked. */
  keychain: Pick<Keychain, 'get'> | undefined
  /** Undefined where no person can be asked. Called again after a slip. */
  ask: (() => Promise<string>) | undefined
  /** Undefined where the archive has no password. */
  password?: PasswordSource | undefined
  /** Says something to the person that is neither result nor error. */
  note: (text: string) => void
}

/** How often a slip at the prompt may be put right. */
const attempts = 3

/**
 * The key. `archiveId` is what the archive's header says of itself, undefined where that cannot be read (then the
 * keychain, which knows keys by it, is not asked).
 * Errors: key_malformed, wrong_key (a recovery sheet of another archive), file_failed, cancelled, wrong_password and
 * what else unlocking can give, usage, and no_key when nothing of the above has one.
 */
export async function findKey(source: KeySource, archiveId: string | undefined): Promise<FoundKey> {
  const { password } = source
  if (password?.given) {
    if (source.keyFile !== undefined)
      throw new CofferError('usage', { reason: 'Give either --key-file or --password-stdin.' })
    return await byPassword(password, await password.given())
  }
  if (source.keyFile !== undefined) {
    const { openToOthers, ...read } = await (source.readFile ?? readKeyFile)(source.keyFile)
    if (openToOthers)
      source.note(`Others on this computer can read the key file. Make it yours alone: chmod 600 ${source.keyFile}`)
    return { key: belonging(read, archiveId, 'key file'), from: 'key file' }
  }
  const digits = source.env['COFFER_KEY']
  if (digits) {
    delete source.env['COFFER_KEY']
    return { key: belonging(readKey(digits), archiveId, 'COFFER_KEY'), from: 'COFFER_KEY' }
  }
  const kept = await askKeychain(source, archiveId)
  if (kept.key) return { key: kept.key, from: 'keychain' }
  const typed = password?.ask && (await askPassword(password, password.ask, source.note))
  if (typed) return typed
  if (source.ask) return { key: await askPerson(source.ask, source.note, archiveId), from: 'prompt' }
  throw new CofferError('no_key', kept.trouble === undefined ? {} : { keychain: kept.trouble })
}

async function askKeychain(
  { keychain }: KeySource,
  archiveId: string | undefined,
): Promise<{ key?: Secret | undefined; trouble?: string }> {
  if (!keychain || archiveId === undefined) return {}
  try {
    return { key: await keychain.get(archiveId) }
  } catch (error) {
    // A computer without a keychain is an ordinary one; the reason is told only if nothing else has the key.
    if (error instanceof CofferError && error.code === 'keychain_unavailable')
      return { trouble: String(error.detail['reason']) }
    throw error
  }
}

async function byPassword({ unlock }: PasswordSource, password: Buffer): Promise<FoundKey> {
  const unlocked = await unlock(password)
  return { key: unlocked.key, from: 'password', unlocked }
}

/** Undefined when the person would rather type the key. Each wrong password is a try of ten, and said to be one. */
async function askPassword(
  password: PasswordSource,
  ask: () => Promise<Buffer>,
  note: (text: string) => void,
): Promise<FoundKey | undefined> {
  for (let attempt = 1; ; attempt++) {
    const typed = await ask()
    if (typed.length === 0) return undefined
    try {
      return await byPassword(password, typed)
    } catch (error) {
      if (!(error instanceof CofferError) || error.code !== 'wrong_password' || attempt === attempts) throw error
      note(`This is not the password. ${String(error.detail['tries'])} You can use the 64-digit key instead.`)
    }
  }
}

async function askPerson(
  ask: () => Promise<string>,
  note: (text: string) => void,
  archiveId: string | undefined,
): Promise<Secret> {
  for (let attempt = 1; ; attempt++) {
    try {
      return belonging(readKey(await ask()), archiveId, 'prompt')
    } catch (error) {
      if (!(error instanceof CofferError) || error.code !== 'key_malformed' || attempt === attempts) throw error
      note(`${String(error.detail['reason'])} Please try again.`)
    }
  }
}

/** A recovery sheet's code names its archive: a sheet of another one is refused before anything is tried. */
function belonging(read: ReadKey, archiveId: string | undefined, from: KeyOrigin): Secret {
  if (read.archiveId === undefined || archiveId === undefined || read.archiveId === archiveId) return read.key
  read.key.dispose()
  throw new CofferError('wrong_key', { from, reason: 'This recovery sheet belongs to another archive.' })
}
