/** An archive opened with its key: what every job on it starts from. */
import type { Warning } from '../../../contract/errors.ts'
import type { Newest } from '../../../contract/vault.ts'
import type { ArchiveContext } from '../archive/context.ts'
import type { ReadHeader } from '../archive/format/header.ts'
import type { Destination } from '../destinations/destination.ts'
import { type OpenedHeader, openHeader } from '../archive/read/open-header.ts'
import type { StartWorker } from '../archive/workers.ts'
import { type Secret, withSecret } from '../keys/secret.ts'
import { deriveKeys, wipeKeys } from '../keys/subkeys.ts'
import type { Network } from '../vault/request.ts'
import { openOwner, type Owner } from '../vault/owner.ts'
import { readMemory } from './memory.ts'

export interface Session extends ArchiveContext {
  header: ReadHeader
  /** The exact bytes of coffer.json now; undefined when it is gone and its copy stands in. */
  headerBytes: Uint8Array | undefined
  /** Where this computer keeps its own state of archives (COFFER_HOME). */
  home: string
  now: () => Date
  startWorker: StartWorker
  /** Who may ask the vault about the record of this archive's key; undefined where no vault holds it. */
  owner: Owner | undefined
  /** How the vault is reached; without it, none is asked. */
  network: Network | undefined
  /** The newest backup the vault knew of when the password was checked, said by the archive's owner. */
  witness: Newest | undefined
  /** Found while opening; each job adds its own and reports them together. */
  warnings: Warning[]
  /** Wipes the keys. */
  close(): void
}

export interface SessionOptions {
  destination: Destination
  secret: Secret
  home: string
  now: () => Date
  startWorker: StartWorker
  network?: Network | undefined
  witness?: Newest | undefined
}

/**
 * Opens an archive: reads its header, checks the key, and nothing else.
 * Errors: not_an_archive, header_missing, header_altered, newer_format, wrong_key, destination_*.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { destination, secret, home, now, startWorker, network, witness } = options
  const keys = withSecret(secret, (key) => deriveKeys(key))
  let opened: OpenedHeader
  try {
    opened = await openHeader(destination, keys)
  } catch (error) {
    wipeKeys(keys)
    throw error
  }
  const { header, bytes, warnings } = opened
  const remembered = readMemory(home, header.archive).headerNumber
  if (header.number < remembered)
    warnings.push({ code: 'header_rolled_back', detail: { number: header.number, known: remembered } })
  const owner = header.vault ? openOwner(secret) : undefined
  return {
    destination,
    archive: header.archive,
    keys,
    header,
    headerBytes: bytes,
    home,
    now,
    startWorker,
    owner,
    network,
    witness,
    warnings,
    close() {
      wipeKeys(keys)
      owner?.close()
    },
  }
}
