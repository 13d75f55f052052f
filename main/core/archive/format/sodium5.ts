/**
 * What sodium-native 5 has otherwise than the types published for it say: those describe version 2, with a state object
 * for what is hashed or sealed in steps, and tags as buffers. The one place that knows.
 */
import sodium from 'sodium-native'

interface StreamedHash {
  crypto_generichash_STATEBYTES: number
  crypto_generichash_init(state: Buffer, key: Buffer, length: number): void
  crypto_generichash_update(state: Buffer, input: Buffer): void
  crypto_generichash_final(state: Buffer, out: Buffer): void
}

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
export const sodium5 = sodium as unknown as StreamedHash & Secretstream
