/**
 * libsodium's secretstream with the types it has in sodium-native 5 (those published for it describe version 2:
 * a state object and tags as buffers). The one place that knows.
 */
import sodium from 'sodium-native'

interface Secretstream {
  crypto_secretstream_xchacha20poly1305_STATEBYTES: number
  crypto_secretstream_xchacha20poly1305_TAG_MESSAGE: number
  crypto_secretstream_xchacha20poly1305_TAG_FINAL: number
  crypto_secretstream_xchacha20poly1305_init_push(state: Buffer, header: Buffer, key: Buffer): void
  crypto_secretstream_xchacha20poly1305_push(
    state: Buffer,
    sealed: Buffer,
    plain: Buffer,
    label: Buffer,
    tag: number,
  ): void
  crypto_secretstream_xchacha20poly1305_init_pull(state: Buffer, header: Buffer, key: Buffer): void
  crypto_secretstream_xchacha20poly1305_pull(
    state: Buffer,
    plain: Buffer,
    tag: Buffer,
    sealed: Buffer,
    label: Buffer,
  ): void
}

// Two steps, because the published types and the real ones do not overlap.
const stream = sodium as unknown as Secretstream

export const streamHeaderBytes = 24
/** What each push adds. */
export const streamOverhead = 17

/** Begins a stream; `header` (24 bytes) receives what the reader needs. */
export function pushStream(
  header: Buffer,
  key: Uint8Array,
): (plain: Buffer, label: Buffer, final: { final: boolean }) => Buffer {
  const state = Buffer.from(new ArrayBuffer(stream.crypto_secretstream_xchacha20poly1305_STATEBYTES))
  stream.crypto_secretstream_xchacha20poly1305_init_push(
    state,
    header,
    Buffer.from(key.buffer, key.byteOffset, key.byteLength),
  )
  return (plain, label, { final }) => {
    const sealed = Buffer.alloc(plain.length + streamOverhead)
    const tag = final
      ? stream.crypto_secretstream_xchacha20poly1305_TAG_FINAL
      : stream.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
    stream.crypto_secretstream_xchacha20poly1305_push(state, sealed, plain, label, tag)
    if (final) state.fill(0)
    return sealed
  }
}

/** Reads a stream; each call gives the plain bytes and whether this was the final push, or undefined if altered. */
export function pullStream(
  header: Buffer,
  key: Uint8Array,
): (sealed: Buffer, label: Buffer) => { plain: Buffer; final: boolean } | undefined {
  const state = Buffer.from(new ArrayBuffer(stream.crypto_secretstream_xchacha20poly1305_STATEBYTES))
  stream.crypto_secretstream_xchacha20poly1305_init_pull(
    state,
    header,
    Buffer.from(key.buffer, key.byteOffset, key.byteLength),
  )
  return (sealed, label) => {
    if (sealed.length < streamOverhead) return undefined
    const plain = Buffer.alloc(sealed.length - streamOverhead)
    const tag = Buffer.alloc(1)
    try {
      stream.crypto_secretstream_xchacha20poly1305_pull(state, plain, tag, sealed, label)
    } catch {
      return undefined
    }
    return { plain, final: tag[0] === stream.crypto_secretstream_xchacha20poly1305_TAG_FINAL }
  }
}
