/**
 * Memory for secrets: 32 bytes that stay off V8's heap, out of swap and core dumps where the system allows it, and
 * are overwritten as soon as they are no longer needed.
 *
 * The rest of the program holds a `Secret`, which shows nothing, and borrows the bytes for the length of one
 * function with `withSecret`.
 */
import { types } from 'node:util'
import sodium from 'sodium-native'

/** Bytes in every secret. */
export const secretBytes = 32

/**
 * Room before and after every locked buffer, at least one memory page anywhere Coffer runs (Apple's have 16 KiB).
 * Locks are counted per page, not per buffer: unlocking one secret would silently unlock another on the same page.
 * With this much room around it, a secret's pages belong to it alone.
 */
const pageRoom = 16 * 1024

let lockRefused = false

/** True once the system has refused to lock memory (RLIMIT_MEMLOCK): secrets may then reach swap, and people are told. */
export function memoryLockRefused(): boolean {
  return lockRefused
}

/**
 * `length` zero bytes for a secret, locked into memory if the system allows it. Whoever asks for them gives them
 * back with `wipe`.
 */
export function lockedBuffer(length: number): Buffer {
  // Over an ArrayBuffer of its own: buffers of 64 bytes or less from Buffer.alloc start on V8's heap, and wiping
  // them leaves a copy there.
  const buffer = Buffer.from(new ArrayBuffer(pageRoom + length + pageRoom), pageRoom, length)
  try {
    sodium.sodium_mlock(buffer)
  } catch {
    // A secret that may be swapped is better than no backup: remember it, and let the app say it.
    lockRefused = true
  }
  return buffer
}

/** Overwrites a buffer with zeros and, if it came from `lockedBuffer`, unlocks it. Safe to call twice. */
export function wipe(buffer: Uint8Array): void {
  const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  sodium.sodium_memzero(bytes)
  if (!isLocked(buffer)) return
  try {
    // Last of all, since it gives the page back to swap and dumps; it zeroes once more by itself.
    sodium.sodium_munlock(bytes)
  } catch {
    // It was never locked (see lockedBuffer) and is zero already.
  }
}

/** Only buffers laid out by `lockedBuffer` may be unlocked: another's pages are shared with who knows what. */
function isLocked(buffer: Uint8Array): boolean {
  return buffer.byteOffset === pageRoom && buffer.buffer.byteLength === pageRoom + buffer.byteLength + pageRoom
}

/** A handle to 32 secret bytes. It can be passed around and printed without showing them. */
export class Secret {
  readonly #bytes: Buffer
  #disposed = false

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** A locked copy for `withSecret`; the caller wipes it. */
  copy(): Buffer {
    if (this.#disposed) throw new Error('this secret was disposed of')
    const copy = lockedBuffer(secretBytes)
    copy.set(this.#bytes)
    return copy
  }

  /** Wipes the bytes; the handle is of no use afterwards. Safe to call twice. */
  dispose(): void {
    this.#disposed = true
    wipe(this.#bytes)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  toString(): string {
    return '[Secret]'
  }

  toJSON(): string {
    return '[Secret]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[Secret]'
  }
}

/** Takes over 32 bytes: they move into locked memory, and `bytes` is wiped, also when its length is wrong. */
export function holdSecret(bytes: Uint8Array): Secret {
  try {
    if (bytes.byteLength !== secretBytes) throw new Error(`a secret has ${secretBytes} bytes, not ${bytes.byteLength}`)
    const own = lockedBuffer(secretBytes)
    own.set(bytes)
    return new Secret(own)
  } finally {
    wipe(bytes)
  }
}

/** A new secret from libsodium's generator. */
export function makeSecret(): Secret {
  const bytes = lockedBuffer(secretBytes)
  sodium.randombytes_buf(bytes)
  return holdSecret(bytes)
}

/**
 * Lends the 32 bytes to `use` and wipes the lent copy when it is done, whether it returns, throws, or its promise
 * settles. `use` must not keep the buffer: it is all zeros afterwards.
 */
export function withSecret<T>(secret: Secret, use: (bytes: Buffer) => T): T {
  const lent = secret.copy()
  let pending = false
  try {
    const result = use(lent)
    if (!types.isPromise(result)) return result
    pending = true
    // `finally` passes the promise's own outcome on, so what T promises is unchanged; its type cannot say so.
    return result.finally(() => wipe(lent)) as T
  } finally {
    if (!pending) wipe(lent)
  }
}
