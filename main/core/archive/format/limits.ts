/** The format's numbers (docs/FORMAT.md, "Limits"). Readers refuse what exceeds them; writers never come near. */

/** Plain bytes of any blob, and the length of every piece of a file but its last. */
export const maxBlobPlain = 4 * 1024 * 1024
/** Plain bytes of a run of database pages; a page larger than this would be a run of its own. */
export const runPlain = 256 * 1024
/** A pack is closed when its blobs reach this many sealed bytes … */
export const packTarget = 16 * 1024 * 1024
/** … or when its index would. Runs of pages that compress to nothing carry many hashes in few bytes. */
export const packIndexTarget = 1024 * 1024
/** Readers refuse larger packs. One blob of 4 MiB may land on a pack that is almost full. */
export const maxPack = 32 * 1024 * 1024
/** Entries of one blob of a page map or file list. */
export const maxLayerEntries = 65_536
/** Plain bytes of a manifest's JSON after decompression. */
export const maxManifest = 1024 * 1024
/** Bytes of coffer.json. */
export const maxHeader = 16 * 1024
/** Bytes of a path in the file list. */
export const maxPath = 32 * 1024
/** Pieces of one file: 192 GiB. Its entry then still fits into one blob, wherever its pieces lie. */
export const maxPieces = 49_152
/** Databases of one store. */
export const maxDatabases = 1024
/** Layers of one stack. */
export const maxLayers = 64

/** Bytes of a page's hash. */
export const pageHashBytes = 16
/** Bytes of a piece's hash, and of digests and identities. */
export const hashBytes = 32
/** Bytes that sealing adds to a blob: the nonce before, the tag behind. */
export const sealOverhead = 24 + 16
/** Sealed bytes of any blob: it is compressed only where that makes it smaller. */
export const maxBlobSealed = maxBlobPlain + sealOverhead
