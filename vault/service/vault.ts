/** The vault without its HTTP: its parts, put together. */
import { createHash } from 'node:crypto'
import { type Info } from '../../contract/vault.ts'
import { protocol } from '../../contract/vault-limits.ts'
import { type Keystore, SealRefused } from '../keystore/keystore.ts'
import { type Journal, Unavailable } from '../log/journal.ts'
import { RowRefused } from '../log/reading.ts'
import type { Storage } from '../store/storage.ts'
import type { OpaquePool } from './opaque-pool.ts'
import { look } from './ownership.ts'
import type { Tickets } from './tickets.ts'

export interface VaultParts {
  keystore: Keystore
  storage: Storage
  journal: Journal
  tickets: Tickets
  opaque: OpaquePool
  /** SHA-256 of the identity. */
  fingerprint: Buffer
  /** Waits after the 5th, 6th … failure, ms. */
  waits: readonly number[]
  /** Whether making a record takes an invite. */
  invites: boolean
  now: () => number
  /** Told of what matters to metrics and to tests that count. */
  watch?: ((event: { what: 'evaluated' | 'released'; rid: Buffer; repeated?: boolean }) => void) | undefined
}

export function fingerprintOf(identity: Uint8Array): Buffer {
  return createHash('sha256').update(identity).digest()
}

export function infoOf({ keystore, invites, waits, now }: VaultParts): Info {
  return {
    protocols: [protocol],
    identity: Buffer.from(keystore.identity).toString('base64url'),
    keystore: keystore.kind,
    model: keystore.model,
    registration: invites ? 'invite' : 'open',
    waits: [...waits],
    now: now(),
  }
}

/** A row that somebody changed has been told of; it must not keep the others from their end. */
function isRowsOwn(error: unknown): boolean {
  return error instanceof Unavailable && (error.cause instanceof RowRefused || error.cause instanceof SealRefused)
}

/** Destroys the records whose last ticket has expired. Gives how many were looked at. */
export async function sweep({ storage, journal }: VaultParts): Promise<number> {
  const due = await storage.due(100)
  const looked = await Promise.allSettled(due.map((rid) => journal.submit(rid, look)))
  for (const it of looked) if (it.status === 'rejected' && !isRowsOwn(it.reason)) throw it.reason
  return due.length
}
