/** An archive to practise on whose key a vault guards, and what its owner does with it. */
import type { Destination } from '../../../main/core/destinations/destination.ts'
import { removePassword } from '../../../main/core/jobs/password/remove.ts'
import { setPassword } from '../../../main/core/jobs/password/set.ts'
import { type Unlocked, unlock } from '../../../main/core/jobs/password/unlock.ts'
import { decodeHeader, type ReadHeader } from '../../../main/core/archive/format/header.ts'
import { parseVaultAddress, type VaultAddress } from '../../../main/core/vault/address.ts'
import { type Practice, practice } from '../../fixtures/practice-archive.ts'
import { cheap, goodPassword, quickNetwork } from './client.ts'
import { type HostileVault, startHostileVault } from './hostile-vault.ts'

export interface Guarded {
  vault: HostileVault
  archive: Practice
  /** Sets a password as the owner with the key does. */
  set(options?: SetOptions): ReturnType<typeof setPassword>
  remove(options?: { destination?: Destination; home?: string }): ReturnType<typeof removePassword>
  /** Opens with a password, as a computer that has nothing but the archive. */
  unlock(options?: {
    password?: Buffer
    home?: string
    destination?: Destination
    named?: VaultAddress
  }): Promise<Unlocked>
  header(name?: string, destination?: Destination): Promise<ReadHeader>
  close(): Promise<void>
}

interface SetOptions {
  password?: Buffer
  /** Undefined: the vault of this archive. Null: none is named. */
  named?: HostileVault | null
  destination?: Destination
  home?: string
}

/** Without a password yet. The caller closes it. */
export async function guardedArchive(): Promise<Guarded> {
  const vault = await startHostileVault()
  const network = quickNetwork()
  const archive = await practice({ network })
  const { signal } = new AbortController()
  const header: Guarded['header'] = async (name = 'coffer.json', destination = archive.destination) => {
    const bytes = await destination.get(name)
    if (!bytes) throw new Error(`there is no ${name}`)
    return decodeHeader(bytes, name)
  }
  return {
    vault,
    archive,
    header,
    async set({ password = goodPassword, named = vault, destination, home = archive.home } = {}) {
      const session = await archive.open(destination, { home })
      try {
        return await setPassword(session, {
          key: archive.secret,
          password,
          named: named === null ? undefined : parseVaultAddress(named.origin),
          known: [],
          network,
          onVault: () => undefined,
          options: cheap,
          signal,
        })
      } finally {
        session.close()
      }
    },
    async remove({ destination, home = archive.home } = {}) {
      const session = await archive.open(destination, { home })
      try {
        return await removePassword(session, { key: archive.secret, network, signal })
      } finally {
        session.close()
      }
    },
    async unlock({ password = goodPassword, home = archive.home, destination, named } = {}) {
      const claimed = await header('coffer.json', destination)
      if (!claimed.vault) throw new Error('this archive has no vault')
      const { vault: reference } = claimed
      const it = { header: { ...claimed, vault: reference }, password, named, home, network, signal }
      return await unlock({ ...it, now: () => new Date(), options: cheap })
    },
    async close() {
      archive.remove()
      await vault.close()
    },
  }
}
