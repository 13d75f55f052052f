/** Write-ahead logs made by hand, with right checksums, for what no program would write. */

/** A log of one frame that commits: this content for page 1, and so many pages in the database. */
export function logOfOneCommit(page: Buffer, { pages }: { pages: number }): Buffer {
  const header = Buffer.alloc(32)
  header.writeUInt32BE(0x377f0682, 0) // checksums in little-endian words
  header.writeUInt32BE(3007000, 4)
  header.writeUInt32BE(page.length, 8)
  header.writeUInt32BE(1, 16)
  header.writeUInt32BE(2, 20)
  let sums = checksum(header.subarray(0, 24), [0, 0])
  header.writeUInt32BE(sums[0], 24)
  header.writeUInt32BE(sums[1], 28)
  const frame = Buffer.alloc(24)
  frame.writeUInt32BE(1, 0)
  frame.writeUInt32BE(pages, 4)
  header.copy(frame, 8, 16, 24)
  sums = checksum(page, checksum(frame.subarray(0, 8), sums))
  frame.writeUInt32BE(sums[0], 16)
  frame.writeUInt32BE(sums[1], 20)
  return Buffer.concat([header, frame, page])
}

/** The checksum of sqlite.org/fileformat2.html, section 4.2. */
function checksum(bytes: Buffer, [first, second]: readonly [number, number]): [number, number] {
  let a = first
  let b = second
  for (let at = 0; at < bytes.length; at += 8) {
    a = (a + bytes.readUInt32LE(at) + b) >>> 0
    b = (b + bytes.readUInt32LE(at + 4) + a) >>> 0
  }
  return [a, b]
}
