/** Memory for key bytes: off V8's heap, out of swap and core dumps where the system allows it, wiped after use. */
import sodium from 'sodium-native'

/**
 * Room before and after, a memory page anywhere a vault runs: locks are counted per page, and unlocking one secret
 * would silently unlock another on the same page.
 */
const pageRoom = 16 * 1024

/** `length` zero bytes for a secret. A system that refuses to lock memory gets a secret that may be swapped. */
export function lockedBytes(length: number): Buffer {
  const bytes = Buffer.from(new ArrayBuffer(pageRoom + length + pageRoom), pageRoom, length)
  try {
    sodium.sodium_mlock(bytes)
  } catch {
    // Better than no vault: RLIMIT_MEMLOCK is small in many containers.
  }
  return bytes
}

/** Overwrites with zeros, and unlocks what `lockedBytes` gave. Safe to call twice. */
export function wipe(bytes: Buffer): void {
  sodium.sodium_memzero(bytes)
  if (bytes.byteOffset !== pageRoom || bytes.buffer.byteLength !== pageRoom + bytes.length + pageRoom) return
  try {
    sodium.sodium_munlock(bytes)
  } catch {
    // It was never locked (see lockedBytes), and is zero already.
  }
}
