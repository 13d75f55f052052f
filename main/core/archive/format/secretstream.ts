/** libsodium's secretstream, one push or pull after the other. */
import { sodium5 } from './sodium5.ts'

export const streamHeaderBytes = 24
/** What each push adds. */
export const streamOverhead = 17

/** Begins a stream; `header` (24 bytes) receives what the reader needs. */
export function pushStream(
  header: Buffer,
  key: Uint8Array,
): (plain: Buffer, label: Buffer, final: { final: boolean }) => Buffer {
  const state = Buffer.from(new ArrayBuffer(sodium5.crypto_secretstream_xchacha20poly1305_STATEBYTES))
  sodium5.crypto_secretstream_xchacha20poly1305_init_push(
    state,
    header,
    Buffer.from(key.buffer, key.byteOffset, key.byteLength),
  )
  return (plain, label, { final }) => {
    const sealed = Buffer.alloc(plain.length + streamOverhead)
    const tag = final
      ? sodium5.crypto_secretstream_xchacha20poly1305_TAG_FINAL
      : sodium5.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
    sodium5.crypto_secretstream_xchacha20poly1305_push(state, sealed, plain, label, tag)
    if (final) state.fill(0)
    return sealed
  }
}

/** Reads a stream; each call gives the plain bytes and whether this was the final push, or undefined if altered. */
export function pullStream(
  header: Buffer,
  key: Uint8Array,
): (sealed: Buffer, label: Buffer) => { plain: Buffer; final: boolean } | undefined {
  const state = Buffer.from(new ArrayBuffer(sodium5.crypto_secretstream_xchacha20poly1305_STATEBYTES))
  sodium5.crypto_secretstream_xchacha20poly1305_init_pull(
    state,
    header,
    Buffer.from(key.buffer, key.byteOffset, key.byteLength),
  )
  return (sealed, label) => {
    if (sealed.length < streamOverhead) return undefined
    const plain = Buffer.alloc(sealed.length - streamOverhead)
    const tag = Buffer.alloc(1)
    try {
      sodium5.crypto_secretstream_xchacha20poly1305_pull(state, plain, tag, sealed, label)
    } catch {
      return undefined
    }
    return { plain, final: tag[0] === sodium5.crypto_secretstream_xchacha20poly1305_TAG_FINAL }
  }
}
