/** ECDSA signatures from DER, as OpenSSL makes them, to r || s. */

/** SEQUENCE of two INTEGERs, P-256: 64 bytes. */
export function rawSignature(der: Buffer): Buffer {
  const raw = Buffer.alloc(64)
  const [r, after] = integer(der, 2)
  const [s] = integer(der, after)
  r.copy(raw, 32 - r.length)
  s.copy(raw, 64 - s.length)
  return raw
}

/** Without the zero that keeps it from being negative; and where the next begins. */
function integer(der: Buffer, at: number): [value: Buffer, next: number] {
  const length = der.readUInt8(at + 1)
  const from = at + 2
  const value = der.subarray(from, from + length)
  return [value.length > 32 ? value.subarray(value.length - 32) : value, from + length]
}
