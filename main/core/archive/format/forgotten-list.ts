/**
 * One blob of the list of backups that were deleted on purpose (docs/FORMAT.md, "Forgotten"): without it, a backup
 * that a cloud hides and one that its owner deleted would look the same.
 */
import { ByteReader, ByteWriter, Malformed } from './bytes.ts'
import { hashBytes, maxLayerEntries } from './limits.ts'
import type { Identity } from './names.ts'

/** A deleted backup, and the one before it, so that the chain can be followed across it. */
export interface ForgottenRow {
  identity: Identity
  predecessor: Identity | null
}

const none = Buffer.alloc(hashBytes)

/** Encodes up to 65,536 rows, sorted by identity. */
export function encodeForgotten(rows: readonly ForgottenRow[]): Buffer {
  if (rows.length > maxLayerEntries) throw new Error('too many rows for one blob')
  const out = new ByteWriter().u32(rows.length)
  for (const { identity, predecessor } of rows)
    out.raw(Buffer.from(identity, 'hex')).raw(predecessor === null ? none : Buffer.from(predecessor, 'hex'))
  return out.done()
}

/** Decodes a blob of rows. Throws Malformed unless complete and sorted, no identity twice. */
export function decodeForgotten(plain: Buffer): ForgottenRow[] {
  const reader = new ByteReader(plain)
  const count = reader.count(2 * hashBytes)
  if (count > maxLayerEntries) throw new Malformed('too many rows')
  const rows: ForgottenRow[] = []
  for (let i = 0; i < count; i++) {
    // 32 bytes in hexadecimal are what an identity is.
    const identity = reader.take(hashBytes).toString('hex') as Identity
    const predecessor = reader.take(hashBytes)
    const before = rows.at(-1)
    if (before && before.identity >= identity) throw new Malformed('identities are not in order')
    rows.push({ identity, predecessor: predecessor.equals(none) ? null : (predecessor.toString('hex') as Identity) })
  }
  reader.end()
  return rows
}
