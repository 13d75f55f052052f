/** What is in values.json. Bytes are hexadecimal; 64-bit integers are decimal text. */
import type { BlobKind } from '../../main/core/archive/format/blob.ts'
import type { LayerKind } from '../../main/core/archive/format/layer-root.ts'
import type { ArchiveId, PackId } from '../../main/core/archive/format/names.ts'

interface ShownPlace {
  pack: string
  size: number
  ordinal: number
  offset: number
  length: number
  compressed: boolean
}

interface ShownBlob {
  kind: BlobKind
  ordinal: number
  compressed: boolean
  plain: string
}

export interface Values {
  note: string
  /** 64 digits. */
  key: string
  archive: ArchiveId
  subkeys: Record<string, string>
  preimages: { fields: string[]; bytes: string }[]
  keyCheck: string
  headers: {
    number: string
    vault: { address: string; fingerprint: string; record: string } | null
    body: string
    mac: string
    file: string
  }[]
  padme: [number, number][]
  /** `encrypted` is what the cipher was given: `plain`, or its zstd frame. */
  blobs: (ShownBlob & { encrypted: string; additionalData: string; nonce: string; sealed: string; pack: string })[]
  pages: { page: string; hash: string }[]
  /** Of the pages above. */
  database: { pageSize: number; pages: number; digest: string }
  emptyDatabase: { pageSize: number; pages: number; digest: string }
  /** Each is `repeat`, repeated to `length` bytes. */
  pieces: { repeat: string; length: number; hash: string }[]
  /** Of the pieces above. */
  file: { size: number; digest: string }
  emptyFile: { size: number; digest: string }
  files: { entries: { path: string; size: number; modified: string; digest: string; field: string }[]; digest: string }
  emptyFiles: { digest: string }
  tables: {
    /** The pack in which the tables are to lie. In `place` its size is 0, as it is written. */
    own: { pack: PackId; size: number }
    map: { plain: string; entries: { page: number; hash: string; index: number; place: ShownPlace }[] }
    files: {
      plain: string
      entries: (
        | {
            path: string
            size: number
            modified: string
            digest: string
            pieces: { hash: string; place: ShownPlace }[]
          }
        | { path: string; removed: true }
      )[]
    }
    root: {
      kind: LayerKind
      plain: string
      blobs: { place: ShownPlace; entries: number; first: string; last: string }[]
    }
    forgotten: { plain: string; entries: { identity: string; predecessor: string | null }[] }
  }
  pack: {
    name: string
    object: string
    blobs: (ShownBlob & { hashes: string; offset: number; length: number })[]
    trailer: string
    index: { ordinal: number; offset: number; length: number }
  }
  manifest: {
    name: string
    json: string
    /** Fields of the identity's preimage that are not plain to see in the JSON. */
    identityFields: { createdAt: string; newest: string; databases: string; files: string }
    identity: string
    additionalData: string
    streamHeader: string
    /** What the stream holds: length, zstd frame, zeros. */
    plain: string
    object: string
  }
}
