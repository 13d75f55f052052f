/** Memory for a pack that is being filled, shared with the workers. */
import { packCapacity } from '../format/pack.ts'

/** The part of it that is used here: the language's own library knows it only together with all of a browser's. */
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number; shared: true }) => { readonly buffer: ArrayBufferLike }
}

/** A page of WebAssembly, bytes. */
const page = 64 * 1024

/**
 * Room for one pack. It begins at a whole page, as nothing but WebAssembly's memory promises to: from there a disk can
 * fetch a pack by itself (destinations/write-past-cache.ts). Where that memory cannot be had any other will do. V8 does
 * not hurry to free it: whoever makes it keeps it for the whole job.
 */
export function packMemory(): SharedArrayBuffer {
  const pages = Math.ceil(packCapacity / page)
  try {
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
    if (buffer instanceof SharedArrayBuffer) return buffer
  } catch {
    // It reserves gigabytes of addresses beside the memory itself, which some systems do not grant.
  }
  return new SharedArrayBuffer(packCapacity)
}
