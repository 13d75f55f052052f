/**
 * A manifest: the sealed description of one snapshot, whose appearance is the commit (docs/FORMAT.md, "Manifests").
 */
import { z } from 'zod'
import { i64, preimage, u32, u64 } from './bytes.ts'
import { keyedHash } from './hashes.ts'
import { maxBlobSealed, maxDatabases, maxLayers, maxPack, sealOverhead } from './limits.ts'
import { type ArchiveId, type Identity, idBytes, type PackId, type SnapshotId } from './names.ts'

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`))
/** An id or identity: what its pattern has let through is one. */
export const branded = <Id extends string>(bytes: number) => hex(bytes).transform((digits) => digits as Id)
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)
const small = z.number().int().nonnegative().max(0xffffffff)

/** The root blob of one layer, and how many entries the layer has. */
const Layer = z.strictObject({
  pack: branded<PackId>(16),
  size: z.number().int().positive().max(maxPack),
  ordinal: small,
  offset: small,
  length: z.number().int().min(sealOverhead).max(maxBlobSealed),
  compressed: z.boolean(),
  entries: count,
})
export type Layer = z.infer<typeof Layer>
const Layers = z.array(Layer).max(maxLayers)

const Database = z.strictObject({
  /** Its name at the root of the archive, as text. */
  path: z.string().min(1).max(1024),
  pageSize: z
    .number()
    .int()
    .min(512)
    .max(65_536)
    .refine((size) => (size & (size - 1)) === 0),
  pages: z.number().int().nonnegative().max(0xffffffff),
  digest: hex(32),
  /** Newest first. */
  layers: Layers,
})

const Vault = z.strictObject({ address: z.string().max(2048), fingerprint: hex(32), record: hex(32) })

export const Manifest = z.strictObject({
  format: z.literal(1),
  archive: branded<ArchiveId>(16),
  seq: z.number().int().positive().max(99_999_999),
  snapshot: branded<SnapshotId>(8),
  revision: z.number().int().positive().max(999_999_999),
  identity: branded<Identity>(32),
  /** The identity of the snapshot before this one; null for an archive's first. */
  predecessor: branded<Identity>(32).nullable(),
  /** Milliseconds since 1970. */
  createdAt: z.number().int().min(-8.64e15).max(8.64e15),
  kind: z.string().min(1).max(64),
  chats: count,
  messages: count,
  newest: z.number().int().min(-8.64e15).max(8.64e15).nullable(),
  /** Random, made once per computer and archive. */
  writer: hex(16),
  header: z.strictObject({ number: count, vault: Vault.nullable() }),
  /** What the vault last told: its counter for the record and the head of its log. */
  vaultSeen: z.strictObject({ counter: count, logHead: hex(32) }).nullable(),
  databases: z.array(Database).max(maxDatabases),
  files: z.strictObject({ count, bytes: count, digest: hex(32), layers: Layers }),
  /** Identities that were deleted on purpose, with their predecessors. */
  forgotten: z.strictObject({ count, layers: Layers }),
  /** Bytes this snapshot's backup uploaded, its manifest not counted. */
  added: count,
})
export type Manifest = z.infer<typeof Manifest>
export type DatabaseEntry = Manifest['databases'][number]

/** What a snapshot is: everything but how it is stored. */
export type Identified = Pick<
  Manifest,
  'archive' | 'seq' | 'snapshot' | 'createdAt' | 'kind' | 'chats' | 'messages' | 'newest' | 'databases' | 'predecessor'
> & { files: Pick<Manifest['files'], 'count' | 'bytes' | 'digest'> }

/**
 * A snapshot's identity: 32 bytes over what it is, never over where its bytes lie, so that repacking rewrites
 * manifests without changing what they stand for.
 */
export function identify(key: Uint8Array, it: Identified): Identity {
  const databases = it.databases.map((db) =>
    preimage(db.path, u32(db.pageSize), u64(db.pages), Buffer.from(db.digest, 'hex')),
  )
  const bytes = preimage(
    'coffer-identity-1',
    idBytes(it.archive),
    u64(it.seq),
    idBytes(it.snapshot),
    i64(it.createdAt),
    it.kind,
    u64(it.chats),
    u64(it.messages),
    it.newest === null ? '' : i64(it.newest),
    preimage(...databases),
    preimage(u64(it.files.count), u64(it.files.bytes), Buffer.from(it.files.digest, 'hex')),
    it.predecessor === null ? '' : Buffer.from(it.predecessor, 'hex'),
  )
  return keyedHash(key, bytes).toString('hex') as Identity
}
