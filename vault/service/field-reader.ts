/** Reads what `fields` of contract/vault-preimages.ts wrote. Every length is checked against what is there. */

/** Bytes that were not written by `fields` for this purpose. */
export class Malformed extends Error {}

/** Strict, so that no two spellings are read as the same. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class FieldReader {
  private at = 0
  private readonly all: Buffer
  constructor(bytes: Uint8Array) {
    this.all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** The next field; a view, not a copy. */
  bytes(): Buffer {
    if (this.at + 4 > this.all.length) throw new Malformed('a field is missing')
    const length = this.all.readUInt32LE(this.at)
    const from = this.at + 4
    if (length > this.all.length - from) throw new Malformed('a field reaches beyond the end')
    this.at = from + length
    return this.all.subarray(from, this.at)
  }

  number(): number {
    const field = this.bytes()
    if (field.length !== 8) throw new Malformed('a number has eight bytes')
    const value = Number(field.readBigUInt64LE())
    if (!Number.isSafeInteger(value)) throw new Malformed('a number is too large')
    return value
  }

  text(): string {
    try {
      return utf8.decode(this.bytes())
    } catch {
      throw new Malformed('a text is no UTF-8')
    }
  }

  flag(): boolean {
    const value = this.number()
    if (value > 1) throw new Malformed('a flag is 0 or 1')
    return value === 1
  }

  oneOf<T extends string>(values: readonly T[]): T {
    const text = this.text()
    const value = values.find((it) => it === text)
    // Without quoting what stands there: it may be anybody's, and this goes to an operator's terminal.
    if (value === undefined) throw new Malformed(`something else stands where one of ${values.join(', ')} belongs`)
    return value
  }

  expect(name: string): void {
    this.oneOf([name])
  }

  /** A field that holds fields of its own, or is empty. */
  optional<T>(read: (inner: FieldReader) => T): T | null {
    const field = this.bytes()
    return field.length === 0 ? null : whole(field, read)
  }

  /** A field that holds one field for each of a list. */
  list<T>(read: (inner: FieldReader) => T): T[] {
    const inner = new FieldReader(this.bytes())
    const values: T[] = []
    while (!inner.atEnd()) values.push(whole(inner.bytes(), read))
    return values
  }

  atEnd(): boolean {
    return this.at === this.all.length
  }

  end(): void {
    if (!this.atEnd()) throw new Malformed('there are bytes left over')
  }
}

function whole<T>(bytes: Buffer, read: (inner: FieldReader) => T): T {
  const reader = new FieldReader(bytes)
  const value = read(reader)
  reader.end()
  return value
}
