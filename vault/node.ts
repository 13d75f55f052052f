/**
 * One node of a vault: its keys, its storage, and what it must make sure of before it answers anybody. Without HTTP, so
 * that tests and the operator's commands use the same node that the server does.
 */
import type { Keystore } from './keystore/keystore.ts'
import { writeCheckpoint } from './log/checkpoint.ts'
import { headVerifier, type Position } from './log/chain.ts'
import { Journal } from './log/journal.ts'
import { askPeers, type FetchHead } from './log/peers.ts'
import { rebuild, type Witness } from './log/rebuild.ts'
import { OpaquePool } from './service/opaque-pool.ts'
import { Tickets } from './service/tickets.ts'
import { fingerprintOf, sweep, type VaultParts } from './service/vault.ts'
import type { Storage } from './store/storage.ts'

export interface NodeOptions {
  keystore: Keystore
  storage: Storage
  /** Addresses of the vault's other nodes. */
  peers: readonly string[]
  fetchHead: FetchHead
  waits: readonly number[]
  invites: boolean
  /** Threads that evaluate. */
  threads: number
  now: () => number
  onTrouble: (error: Error) => void
  watch?: VaultParts['watch']
  onDestroyed?: (count: number) => void
}

export interface VaultNode {
  parts: VaultParts
  /** Destroys what has run out; gives how many records it looked at. */
  sweep: () => Promise<number>
  /** Writes a checkpoint if the log has grown by `least` entries since the last. */
  checkpoint: (least: number) => Promise<void>
  /** Ends the threads and waits for what is being committed. Keystore and storage stay open. */
  close: () => Promise<void>
}

/**
 * Learns the log and makes sure that it is no older than what this node's anchor and a majority of the others have
 * seen. LogBroken when it is; NoMajority, StorageUnavailable, KeystoreUnavailable when that cannot be told now.
 */
export async function openNode(options: NodeOptions): Promise<VaultNode> {
  const { keystore, storage, now, onTrouble, onDestroyed } = options
  const verifyHead = headVerifier(keystore.identity)
  // Asked before the log is read: the others go on meanwhile, and what they have seen by now is in it.
  const witnesses = [
    ...(await anchorOf(keystore)),
    ...(await askPeers(options.peers, keystore.identity, options.fetchHead)),
  ]
  const view = await rebuild({ storage, keystore, verifyHead }, witnesses)
  const journal = new Journal({ storage, keystore, verifyHead, view, onTrouble, onDestroyed })
  await journal.confirm()
  const opaque = new OpaquePool(options.threads)
  const parts: VaultParts = {
    keystore,
    storage,
    journal,
    opaque,
    tickets: new Tickets(keystore, () => journal.view.epoch),
    fingerprint: fingerprintOf(keystore.identity),
    waits: options.waits,
    invites: options.invites,
    now,
    watch: options.watch,
  }
  let last = (await storage.checkpoint())?.place ?? 0
  return {
    parts,
    sweep: () => sweep(parts),
    async checkpoint(least) {
      const { known, position } = journal.view
      if (position.place < last + Math.max(1, least)) return
      const keepFrom = last
      last = position.place
      await writeCheckpoint({ storage, keystore }, { known: known.copy(), position: { ...position }, keepFrom })
    },
    async close() {
      await journal.idle()
      await opaque.close()
    },
  }
}

async function anchorOf(keystore: Keystore): Promise<Witness[]> {
  const position = await anchoredPosition(keystore)
  return position ? [{ from: 'this node’s anchor', position }] : []
}

/** What this node's keystore has seen of the log. */
export async function anchoredPosition(keystore: Keystore): Promise<Position | undefined> {
  const anchor = await keystore.readAnchor()
  return anchor && { place: anchor.place, hash: Buffer.from(anchor.hash) }
}
