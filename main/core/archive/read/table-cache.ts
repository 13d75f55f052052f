/**
 * Opened tables that were used last: the snapshots of an archive share most of their layers, so a job that looks at
 * all of them would open the same ones again and again.
 */

export class TableCache {
  readonly #most: number
  readonly #tables = new Map<string, Buffer>()
  #bytes = 0

  /** Keeps at most `most` bytes. */
  constructor(most: number) {
    this.#most = most
  }

  get(key: string): Buffer | undefined {
    const plain = this.#tables.get(key)
    if (!plain) return undefined
    // To the end of the line: maps keep the order in which keys were set.
    this.#tables.delete(key)
    this.#tables.set(key, plain)
    return plain
  }

  put(key: string, plain: Buffer): void {
    this.#tables.set(key, plain)
    this.#bytes += plain.length
    for (const [oldest, { length }] of this.#tables) {
      if (this.#bytes <= this.#most) return
      this.#tables.delete(oldest)
      this.#bytes -= length
    }
  }
}
