/**
 * Reading and writing the archive's binary tables, and the preimages of its hashes (docs/FORMAT.md, "Conventions").
 * All integers are little-endian and unsigned unless said otherwise.
 */

/** Bytes that do not follow the format. Callers turn it into the CofferError that names the object. */
export class Malformed extends Error {}

/**
 * The bytes over which hashes, MACs and additional data are made: each field preceded by its length (u32). Without
 * the lengths two different lists of fields could give the same bytes.
 */
export function preimage(...fields: (Uint8Array | string)[]): Buffer {
  const parts = fields.map((field) => (typeof field === 'string' ? Buffer.from(field, 'utf8') : field))
  const bytes = Buffer.allocUnsafe(parts.reduce((sum, { length }) => sum + 4 + length, 0))
  let at = 0
  for (const part of parts) {
    at = bytes.writeUInt32LE(part.length, at)
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

export function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** A 64-bit number; exact up to 2^53, which is more bytes or messages than anyone has. */
export function u64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

export function i64(value: number | bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64LE(BigInt(value))
  return bytes
}

/** Reads a table from the front; every step is checked, so no length in the bytes can lead outside them. */
export class ByteReader {
  private at = 0
  private readonly bytes: Buffer
  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** A view of the next `length` bytes, not a copy. */
  take(length: number): Buffer {
    if (length < 0 || length > this.bytes.length - this.at) throw new Malformed('a field reaches beyond the end')
    return this.bytes.subarray(this.at, (this.at += length))
  }

  u8(): number {
    return this.take(1).readUInt8()
  }
  u32(): number {
    return this.take(4).readUInt32LE()
  }
  u64(): number {
    const value = this.take(8).readBigUInt64LE()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed('a number is too large')
    return Number(value)
  }
  i64(): bigint {
    return this.take(8).readBigInt64LE()
  }
  /** A length-prefixed field of at most `max` bytes. */
  field(max: number): Buffer {
    const length = this.u32()
    if (length > max) throw new Malformed('a field is too long')
    return this.take(length)
  }
  /** A count of things of at least `size` bytes each: refused when they could not fit into what is left. */
  count(size: number): number {
    const count = this.u32()
    if (count * size > this.bytes.length - this.at) throw new Malformed('a count is larger than its table')
    return count
  }
  /** All was read; trailing bytes are not the format's. */
  end(): void {
    if (this.at !== this.bytes.length) throw new Malformed('there are bytes after the end')
  }
}

/** Builds a table; grows as needed. */
export class ByteWriter {
  private bytes = Buffer.allocUnsafe(4096)
  private at = 0

  get length(): number {
    return this.at
  }
  raw(bytes: Uint8Array): this {
    this.room(bytes.length).set(bytes)
    return this
  }
  u8(value: number): this {
    this.room(1).writeUInt8(value)
    return this
  }
  u32(value: number): this {
    this.room(4).writeUInt32LE(value)
    return this
  }
  u64(value: number): this {
    return this.raw(u64(value))
  }
  i64(value: bigint): this {
    return this.raw(i64(value))
  }
  field(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes)
  }
  /** What was written: a view that stays valid until the next write. */
  done(): Buffer {
    return this.bytes.subarray(0, this.at)
  }
  reset(): void {
    this.at = 0
  }

  private room(length: number): Buffer {
    if (this.at + length > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + length))
      this.bytes.copy(larger, 0, 0, this.at)
      this.bytes = larger
    }
    return this.bytes.subarray(this.at, (this.at += length))
  }
}
