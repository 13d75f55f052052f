/** Opening an archive for a command: its place, its key, its session, and everything put away afterwards. */
import { CofferError } from '../../contract/errors.ts'
import { openDestination } from '../core/destinations/registry.ts'
import { openSession, type Session } from '../core/jobs/session.ts'
import type { Secret } from '../core/keys/secret.ts'
import { parseVaultAddress, type VaultAddress } from '../core/vault/address.ts'
import { givenPath } from './given-path.ts'
import { oneLine } from './given-password.ts'
import { findKey, type FoundKey } from './key-source.ts'
import { passwordSource } from './password-source.ts'
import type { Desk } from './perform.ts'
import { publicHeader } from './public-header.ts'

export interface KeyOptions {
  /** --key-file as given. */
  keyFile?: string
  /** --password-stdin */
  passwordStdin?: boolean
  /** --vault as given: the person names the vault in this act. */
  vault?: string
  /** A vault that the person names for another purpose: it counts if the archive names the same. */
  vaultIfSame?: VaultAddress
  /** Where the password comes from, if not the first line of standard input. */
  readPassword?: () => Promise<Buffer>
}

/** Opens the archive, lends its session to `use`, and wipes the keys. Errors: those of findKey and openSession. */
export async function withArchive<T>(
  desk: Desk,
  where: string,
  options: KeyOptions,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const { session, found } = await open(desk, where, options, { askKeychain: true })
  try {
    // The session has subkeys of its own; the key is not needed while gigabytes are sealed.
    found.key.dispose()
    return await use(session)
  } finally {
    session.close()
  }
}

/**
 * Lends the archive's key itself, proven to open it, to `use`, and wipes it. With `askKeychain: false` the person
 * has to bring its 64 digits: neither keychain nor vault is asked.
 */
export async function withProvenKey<T>(
  desk: Desk,
  where: string,
  options: KeyOptions & { askKeychain: boolean },
  use: (key: Secret, session: Session, from: FoundKey['from']) => Promise<T>,
): Promise<T> {
  const { session, found } = await open(desk, where, options, options)
  try {
    return await use(found.key, session, found.from)
  } finally {
    found.key.dispose()
    session.close()
  }
}

async function open(
  desk: Desk,
  where: string,
  { keyFile, passwordStdin = false, readPassword = () => oneLine(desk), ...naming }: KeyOptions,
  { askKeychain }: { askKeychain: boolean },
): Promise<{ session: Session; found: FoundKey }> {
  const { world, ask, home } = desk
  const destination = openDestination(where, world.standing)
  const header = await publicHeader(destination)
  const source = {
    keyFile: keyFile === undefined ? undefined : givenPath(world, keyFile),
    env: world.env,
    keychain: askKeychain ? world.keychain : undefined,
    ask: ask && (() => ask('The 64-digit key of this archive:')),
    password: askKeychain
      ? passwordSource(desk, header, {
          given: passwordStdin ? readPassword : undefined,
          named: namedVault(naming, header?.vault?.address),
        })
      : undefined,
    note: desk.note,
  }
  const found = await findKey(source, header?.archive)
  try {
    const session = await openSession({
      destination,
      secret: found.key,
      home,
      now: world.now,
      startWorker: world.startWorker,
      network: world.network,
      witness: found.unlocked?.newest ?? undefined,
    })
    session.warnings.push(...(found.unlocked?.warnings ?? []))
    return { session, found }
  } catch (error) {
    found.key.dispose()
    // Where a wrong key came from is the first thing one wants to know.
    throw error instanceof CofferError && error.code === 'wrong_key'
      ? new CofferError('wrong_key', { from: found.from })
      : error
  }
}

function namedVault(
  { vault, vaultIfSame }: Pick<KeyOptions, 'vault' | 'vaultIfSame'>,
  inHeader: string | undefined,
): VaultAddress | undefined {
  if (vault !== undefined) return parseVaultAddress(vault)
  return vaultIfSame?.origin === inHeader ? vaultIfSame : undefined
}
