/**
 * Which pages of a layer no snapshot sees: those that in each of them a layer above has too, or that lie beyond the
 * database's end. In chunks of 65,536 pages, so that memory does not grow with the database.
 */
import type { Cover, LayerUse } from './layer-uses.ts'
import type { LiveTable } from './live-table.ts'

export const chunkPages = 65_536
const bitmapBytes = chunkPages / 8

/** Chunks of the table kept in memory, of at most 8 KiB each. */
const remembered = 1024

export class HiddenPages {
  private readonly live: LiveTable
  private readonly known = new Map<string, Buffer | undefined>()
  private readonly cover = Buffer.alloc(bitmapBytes)

  constructor(live: LiveTable) {
    this.live = live
  }

  /** Notes which pages a layer has, given in ascending order by `pages`, which may be called many times. */
  recorder(layer: number): { pages(numbers: Uint32Array): void; done(): void } {
    let chunk = -1
    let within: number[] = []
    const flush = (): void => {
      if (within.length > 0) this.live.db.prepare('insert into chunks values (?, ?, ?)').run(layer, chunk, pack(within))
      within = []
    }
    return {
      pages: (numbers) =>
        this.live.write(() => {
          for (const page of numbers) {
            const next = Math.floor(page / chunkPages)
            if (next !== chunk) flush()
            chunk = next
            within.push(page % chunkPages)
          }
        }),
      done: () => this.live.write(flush),
    }
  }

  /** One bit for each page of a chunk that no snapshot sees in this layer; undefined when there is none. */
  of({ covers }: LayerUse, chunk: number): Buffer | undefined {
    let hidden: Buffer | undefined
    for (const cover of covers) {
      if (!this.fill(cover, chunk)) return undefined
      if (!hidden) hidden = Buffer.from(this.cover)
      else if (!intersect(hidden, this.cover)) return undefined
    }
    return hidden
  }

  /** Sets the bits of what one snapshot's upper layers hide; false when that is nothing. */
  private fill({ above, pages }: Cover, chunk: number): boolean {
    const end = Math.min(chunkPages, Math.max(0, pages - chunk * chunkPages))
    let any = end < chunkPages
    this.cover.fill(0)
    this.cover.fill(0xff, (end + 7) >> 3)
    if (end % 8 !== 0) this.cover[end >> 3] = (0xff << (end % 8)) & 0xff
    for (const layer of above) {
      const chunkOf = this.read(layer, chunk)
      if (!chunkOf) continue
      any = true
      unpackInto(this.cover, chunkOf)
    }
    return any
  }

  private read(layer: number, chunk: number): Buffer | undefined {
    const key = `${layer} ${chunk}`
    if (this.known.has(key)) return this.known.get(key)
    const pages = this.live.db
      .prepare<[number, number], { pages: Buffer }>('select pages from chunks where layer = ? and chunk = ?')
      .get(layer, chunk)?.pages
    if (this.known.size >= remembered) this.known.clear()
    this.known.set(key, pages)
    return pages
  }
}

/** A bitmap, or where that is shorter the numbers one after the other; the length tells which. */
function pack(within: readonly number[]): Buffer {
  if (within.length * 2 < bitmapBytes) {
    const numbers = Buffer.allocUnsafe(within.length * 2)
    within.forEach((page, i) => numbers.writeUInt16LE(page, i * 2))
    return numbers
  }
  const bits = Buffer.alloc(bitmapBytes)
  for (const page of within) setBit(bits, page)
  return bits
}

function unpackInto(bits: Buffer, packed: Buffer): void {
  if (packed.length === bitmapBytes) for (let i = 0; i < bitmapBytes; i++) bits[i] = (bits[i] ?? 0) | (packed[i] ?? 0)
  else for (let at = 0; at < packed.length; at += 2) setBit(bits, packed.readUInt16LE(at))
}

/** Leaves only the bits that both have; false when there is none. */
function intersect(bits: Buffer, other: Buffer): boolean {
  let any = 0
  for (let i = 0; i < bits.length; i++) any |= bits[i] = (bits[i] ?? 0) & (other[i] ?? 0)
  return any !== 0
}

export function setBit(bits: Buffer, at: number): void {
  bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7))
}
export function hasBit(bits: Buffer, at: number): boolean {
  return ((bits[at >> 3] ?? 0) & (1 << (at & 7))) !== 0
}
