/** One zstd frame and nothing behind it (docs/FORMAT.md, 6): the only form in which compressed bytes are accepted. */
import { type ZstdOptions, zstdDecompressSync } from 'node:zlib'
import { Malformed } from './bytes.ts'

/** What `frame` decompresses to, at most `maxOutputLength` bytes. Throws Malformed. */
export function openFrame(frame: Buffer, options: ZstdOptions & { maxOutputLength: number }): Buffer {
  let opened: { buffer: Buffer; engine: { bytesWritten: number } }
  try {
    // With `info` it returns the engine as well, which the published types do not know.
    opened = zstdDecompressSync(frame, { ...options, info: true }) as unknown as typeof opened
  } catch {
    throw new Malformed('it does not decompress')
  }
  // zlib stops at the end of the first frame and says nothing of what follows: two readers could see different things.
  if (opened.engine.bytesWritten !== frame.length) throw new Malformed('something lies behind the compressed bytes')
  return opened.buffer
}
