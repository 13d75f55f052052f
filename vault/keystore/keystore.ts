/**
 * Where the vault's keys live (docs/VAULT.md, "Keystore"): the one thing that a thief of the database does not have.
 * One file per kind, one line in open-keystore.ts. test/unit/vault/keystore-conformance.ts says what each must do.
 */

/** The head of the log as the keystore remembers it; each node has its own. */
export interface Anchor {
  place: number
  /** 32 bytes. */
  hash: Uint8Array
}

export interface Keystore {
  readonly kind: 'hardware' | 'software'
  /** The product, for people: “YubiHSM 2”, “a file on this machine”. */
  readonly model: string
  /** The vault's identity: P-256, SPKI as DER (91 bytes). The same for all nodes of a vault. */
  readonly identity: Uint8Array
  /** ECDSA with SHA-256 over `bytes`, as r || s (64 bytes). */
  sign(bytes: Uint8Array): Promise<Uint8Array>
  /** The epochs whose seal keys exist, rising. */
  epochs(): Promise<readonly number[]>
  /** AES-256-GCM under the key of `epoch`, bound to `bound`. The result names its nonce, not its epoch. */
  seal(epoch: number, plain: Uint8Array, bound: Uint8Array): Promise<Uint8Array>
  /** SealRefused when the seal does not fit and a canary still opens: the bytes are at fault, not the keystore. */
  open(epoch: number, sealed: Uint8Array, bound: Uint8Array): Promise<Uint8Array>
  /** Makes the key of the next epoch and gives its number. Nothing uses it until the log says so. */
  addEpoch(): Promise<number>
  /** Destroys the key: whatever it sealed is gone for ever. Nothing happens if it is gone already. */
  destroyEpoch(epoch: number): Promise<void>
  /** Undefined where none was ever written. */
  readAnchor(): Promise<Anchor | undefined>
  /** Durable when it resolves; a crash at any moment leaves the old one or the new one. */
  writeAnchor(anchor: Anchor): Promise<void>
  /** Resolves when the keys can be used now. */
  ready(): Promise<void>
  close(): Promise<void>
}

/** The keystore cannot be used now: token gone, session lost, file unreadable. The vault refuses until it can. */
export class KeystoreUnavailable extends Error {}

/** These bytes were not sealed under this key for this purpose. */
export class SealRefused extends Error {}

/** The keystore is not what it was set up to be: another vault's keys, a malformed file. The node does not start. */
export class KeystoreWrong extends Error {}
