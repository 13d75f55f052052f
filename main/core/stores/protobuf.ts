/**
 * As much of Protocol Buffers' wire format as it takes to find a field in a small message (protobuf.dev, "Encoding").
 * Whatever the bytes, it reads no further than they go and takes no longer than their length.
 */

/** A field as it stands in a message; what it means is known only from its number. */
export type Field = { number: number; value: bigint } | { number: number; bytes: Uint8Array }

export class MalformedProtobuf extends Error {}

/**
 * The fields of a message in their order: varints and fixed-width numbers as `value`, length-delimited ones as
 * `bytes` (a view). Throws MalformedProtobuf at the first thing that is not a field; groups, which nobody writes
 * any more, are such a thing.
 */
export function* readFields(message: Uint8Array): Generator<Field> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  let at = 0

  const need = (length: number): number => {
    if (length > message.length - at) throw new MalformedProtobuf('a field goes beyond the message')
    at += length
    return at - length
  }
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[need(1)] ?? 0
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new MalformedProtobuf('a number is longer than ten bytes')
  }

  while (at < message.length) {
    const key = varint()
    // Numbers have 29 bits; anything more is no field.
    if (key >> 32n !== 0n || key >> 3n === 0n) throw new MalformedProtobuf('a field has an impossible number')
    const number = Number(key >> 3n)
    switch (Number(key & 7n)) {
      case 0:
        yield { number, value: varint() }
        break
      case 1:
        yield { number, value: view.getBigUint64(need(8), true) }
        break
      case 2: {
        const length = varint()
        if (length > BigInt(message.length)) throw new MalformedProtobuf('a field goes beyond the message')
        const start = need(Number(length))
        yield { number, bytes: message.subarray(start, start + Number(length)) }
        break
      }
      case 5:
        yield { number, value: BigInt(view.getUint32(need(4), true)) }
        break
      default:
        throw new MalformedProtobuf('a field has an unknown type')
    }
  }
}

/** The last length-delimited field of this number (the last one counts); undefined if there is none. */
export function lastBytes(message: Uint8Array, number: number): Uint8Array | undefined {
  let found: Uint8Array | undefined
  for (const field of readFields(message)) if (field.number === number && 'bytes' in field) found = field.bytes
  return found
}
