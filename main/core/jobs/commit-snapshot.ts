/** The last step of a backup: its manifest appears, and this computer remembers it. */
import { CofferError, type Warning } from '../../../contract/errors.ts'
import { isDamaged } from '../archive/local/cache.ts'
import { layerKey, layerPacks, type LocalState, setLayerPacks } from '../archive/local/state.ts'
import { identify, type Manifest } from '../archive/format/manifest.ts'
import { manifestName, newSnapshotId } from '../archive/format/names.ts'
import { sealManifest } from '../archive/format/sealed-manifest.ts'
import { type Memory, writeMemory } from './memory.ts'
import type { SealedStore } from './seal-store.ts'
import type { Session } from './session.ts'

/** Describes what was sealed as the archive's next snapshot and puts its manifest: from there on the backup exists. */
export async function commit(
  session: Session,
  memory: Memory,
  it: {
    before: Manifest | undefined
    nextSeq: number
    sealed: SealedStore
    kind: string
    vaultSeen: Manifest['vaultSeen']
  },
): Promise<{ manifest: Manifest; objectBytes: number }> {
  const { before, sealed } = it
  const { vault, number } = session.header
  const described = {
    archive: session.archive,
    seq: it.nextSeq,
    snapshot: newSnapshotId(),
    predecessor: before?.identity ?? null,
    createdAt: session.now().getTime(),
    kind: it.kind,
    ...sealed.summary,
    databases: sealed.databases.map(({ path, pageSize, pages, digest, layers }) => ({
      path,
      pageSize,
      pages,
      digest,
      layers,
    })),
    files: sealed.fileTables,
  }
  const manifest: Manifest = {
    format: 1,
    ...described,
    revision: 1,
    identity: identify(session.keys.identity, described),
    writer: memory.writer,
    header: {
      number,
      vault: vault && {
        address: vault.address,
        fingerprint: vault.fingerprint.toString('hex'),
        record: vault.record.toString('hex'),
      },
    },
    vaultSeen: it.vaultSeen,
    forgotten: before?.forgotten ?? { count: 0, layers: [] },
    added: sealed.uploaded.bytes,
  }
  const object = sealManifest(manifest, session.keys)
  await session.destination.put(manifestName(manifest), object)
  return { manifest, objectBytes: object.length }
}

/**
 * The backup exists. What this computer keeps of it can be rebuilt, so that not being able to is a warning, not a
 * failure: local_full, home_failed.
 */
export function remember(
  session: Session,
  state: LocalState,
  memory: Memory,
  { manifest, sealed }: { manifest: Manifest; sealed: SealedStore },
): Warning[] {
  try {
    const known = layerPacks(state.cache)
    const layers = [...manifest.databases.flatMap((db) => db.layers), ...manifest.files.layers]
    const packs = new Map(layers.map((layer) => [layerKey(layer), known.get(layerKey(layer)) ?? sealed.tablePacks]))
    state.cache.write(() => {
      state.pages.commit(manifest.databases)
      state.files.commit()
      setLayerPacks(state.cache, packs)
      state.cache.setLabel({ identity: manifest.identity, revision: manifest.revision })
    })
    const newest = { seq: manifest.seq, identity: manifest.identity }
    writeMemory(session.home, session.archive, {
      ...memory,
      newest,
      headerNumber: Math.max(manifest.header.number, memory.headerNumber),
    })
    return []
  } catch (error) {
    if (error instanceof CofferError) return [{ code: error.code, detail: error.detail }]
    // The next run finds it too, and begins with a new cache.
    if (isDamaged(error)) return []
    throw error
  }
}
