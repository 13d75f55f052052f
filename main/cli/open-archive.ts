/** Opening an archive for a command: its place, its key, its session, and everything put away afterwards. */
import { CofferError } from '../../contract/errors.ts'
import { openDestination } from '../core/destinations/registry.ts'
import { openSession, type Session } from '../core/jobs/session.ts'
import type { Secret } from '../core/keys/secret.ts'
import { givenPath } from './given-path.ts'
import { findKey, type FoundKey } from './key-source.ts'
import type { Desk } from './perform.ts'
import { publicArchiveId } from './public-header.ts'

export interface KeyOptions {
  /** --key-file as given. */
  keyFile?: string
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
 * has to bring it.
 */
export async function withProvenKey<T>(
  desk: Desk,
  where: string,
  options: KeyOptions & { askKeychain: boolean },
  use: (key: Secret, session: Session) => Promise<T>,
): Promise<T> {
  const { session, found } = await open(desk, where, options, options)
  try {
    return await use(found.key, session)
  } finally {
    found.key.dispose()
    session.close()
  }
}

async function open(
  desk: Desk,
  where: string,
  { keyFile }: KeyOptions,
  { askKeychain }: { askKeychain: boolean },
): Promise<{ session: Session; found: FoundKey }> {
  const { world, ask, home } = desk
  const destination = openDestination(where, world.standing)
  const archiveId = await publicArchiveId(destination)
  const source = {
    keyFile: keyFile === undefined ? undefined : givenPath(world, keyFile),
    env: world.env,
    keychain: askKeychain ? world.keychain : undefined,
    ask: ask && (() => ask('The 64-digit key of this archive:')),
    note: desk.note,
  }
  const found = await findKey(source, archiveId)
  try {
    const session = await openSession({
      destination,
      secret: found.key,
      home,
      now: world.now,
      startWorker: world.startWorker,
    })
    return { session, found }
  } catch (error) {
    found.key.dispose()
    // Where a wrong key came from is the first thing one wants to know.
    throw error instanceof CofferError && error.code === 'wrong_key'
      ? new CofferError('wrong_key', { from: found.from })
      : error
  }
}
