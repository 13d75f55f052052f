/**
 * A place where archives live. Small on purpose: a WebDAV or S3 destination is one more file that implements it
 * and one line in registry.ts.
 *
 * Names are `coffer.json`, `packs/<hex>` and so on, `/`-separated, ASCII. A destination is not trusted: whatever
 * it returns is checked by the archive. Every failure is a CofferError with a destination_* code (docs/CLI.md).
 */

export interface ObjectInfo {
  /** Full name, `packs/0123…`. */
  name: string
  /** Bytes. */
  size: number
  /** By the destination's clock. */
  modified: Date
}

/** The archive's folders; '' is its top level (headers only). */
export type Folder = '' | 'packs' | 'snapshots' | 'locks'

export interface Destination {
  /** Where this is, in words a person recognises (a path, a host). */
  readonly label: string
  readonly capabilities: {
    /** `put` fails with object_exists rather than overwrite, also when two writers race. */
    putIfAbsent: boolean
    /** `replace` notices a change made by another writer meanwhile. */
    replaceIfUnchanged: boolean
  }

  /** What lies in a folder, in no particular order; an absent folder is empty. Never lists unfinished uploads. */
  list(folder: Folder): AsyncIterable<ObjectInfo>

  /**
   * The bytes of an object, or of a part of it. May be shorter than asked for when the object is (the caller
   * checks). Undefined when there is no such object. `into`, when given and large enough, receives the bytes.
   */
  get(name: string, range?: { offset: number; length: number }, into?: Uint8Array): Promise<Uint8Array | undefined>

  /**
   * Stores a new object, whole and durable, or not at all. object_exists if the name is taken. `onTaken` is called, at
   * most once, when the bytes may be overwritten though they are not durable yet; a destination need not call it.
   */
  put(name: string, bytes: Uint8Array, onTaken?: () => void): Promise<void>

  /**
   * Replaces the one object that is ever replaced, the header: atomically, and only if it still holds `expected`
   * (undefined: only if absent). object_exists otherwise.
   */
  replace(name: string, bytes: Uint8Array, expected: Uint8Array | undefined): Promise<void>

  /** Removes an object; one that is not there is fine. Durable when it returns. */
  delete(name: string): Promise<void>

  /** The destination's own clock. */
  now(): Promise<Date>

  /** Bytes free, where that is known. */
  free(): Promise<number | undefined>

  /** Removes what interrupted uploads left behind: those of objects `isOurs` knows, and any older than 7 days. */
  tidy(isOurs: (name: string) => boolean): Promise<void>
}
