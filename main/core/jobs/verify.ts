/** A verify: is everything that the archive should hold there, and is it what it should be? It lists every fault. */
import type { Warning } from '../../../contract/errors.ts'
import { TableCache } from '../archive/read/table-cache.ts'
import { type OnProgress, throwIfCancelled } from './progress.ts'
import type { Session } from './session.ts'
import { steadily } from './steadily.ts'
import { PlaceComparison } from './verify/compare-places.ts'
import { type Fault, Faults } from './verify/faults.ts'
import { listObjects } from './verify/list-objects.ts'
import { proveRestore } from './verify/proof.ts'
import { readPacks } from './verify/read-packs.ts'
import { verifyHeaders } from './verify/verify-headers.ts'
import { verifySnapshots } from './verify/verify-snapshots.ts'
import { verifyTables } from './verify/verify-tables.ts'

export type { Fault } from './verify/faults.ts'

export interface VerifyOptions {
  /** Read every byte of every object too. */
  read: boolean
  /** Restore the newest backup to a private place, check and compare it, and remove it again. */
  proof: boolean
  signal: AbortSignal
  onProgress: OnProgress
}

export interface VerifyResult {
  /** Whether there are no faults. */
  ok: boolean
  /** What was looked at: with `read` every byte of it, else headers, descriptions and tables, and that packs are there. */
  checked: { objects: number; bytes: number }
  faults: Fault[]
  warnings: Warning[]
}

/** Bytes of tables that are kept open. */
const tableBytes = 24 * 1024 * 1024

/**
 * Checks an archive. Damage is never thrown but listed: by object, each kind once. Without `read`: both headers, every
 * description, the chain of backups, all tables of all backups, and every pack they name by presence and size. With
 * it also every byte of every pack, and that tables and packs agree. Errors: destination_*, cancelled, and for a
 * proof local_full, target_failed.
 */
export function verify(session: Session, options: VerifyOptions): Promise<VerifyResult> {
  return steadily(session, {
    read: () => verifyOnce(session, options),
    isOdd: ({ ok, warnings }) => !ok || warnings.length > 0,
  })
}

async function verifyOnce(session: Session, { read, proof, signal, onProgress }: VerifyOptions): Promise<VerifyResult> {
  const check = (): void => throwIfCancelled(signal)
  const faults = new Faults()
  check()
  await verifyHeaders(session, faults)
  const listing = await listObjects(session.destination, faults)
  const { manifests, warnings } = await verifySnapshots(session, listing.manifests, faults)
  for (const warning of session.warnings) {
    // What opening the session found is found again here, and named; a header older than this computer remembers is not.
    if (warning.code === 'header_rolled_back') faults.add(warning.code, 'coffer.json', warning.detail)
    else if (warning.code !== 'copy_used') warnings.push(warning)
  }

  const sizes = [...listing.headers.values(), ...listing.packs.values(), ...listing.manifests.map(({ size }) => size)]
  const total = sizes.reduce((sum, size) => sum + size, 0)
  let done = 0
  const tell = (bytes: number, item: string): void =>
    onProgress({ phase: 'read', done: (done += bytes), total: read ? total : 0, item })

  const context = { ...session, tables: new TableCache(tableBytes) }
  for (const manifest of manifests) {
    check()
    await verifyTables({ context, listing, faults, check }, manifest)
    tell(0, manifest.snapshot)
  }
  if (read) {
    await readPacks(session, { listing, faults, check, onRead: tell })
    const places = new PlaceComparison(context, listing, faults)
    for (const manifest of manifests) await places.compare(manifest, check)
  }
  const newest = manifests.at(-1)
  if (proof && newest) await proveRestore(session, newest, { faults, signal, onProgress })
  const all = faults.all()
  return { ok: all.length === 0, checked: { objects: sizes.length, bytes: total }, faults: all, warnings }
}
