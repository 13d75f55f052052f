/** Work that goes on while more of it is prepared: the first failure stops the rest, and nothing is left running. */

export class Flow {
  readonly #running = new Set<Promise<void>>()
  #failure: { error: unknown } | undefined

  /** Starts `work` without waiting for it. Throws what earlier work failed with; nothing new is started then. */
  start(work: () => Promise<void>): void {
    this.check()
    const running = work().catch((error: unknown) => {
      this.#failure ??= { error }
    })
    this.#running.add(running)
    void running.then(() => this.#running.delete(running))
  }

  /** Throws what any work failed with so far. */
  check(): void {
    if (this.#failure) throw this.#failure.error
  }

  /** Waits until nothing runs, then throws the first failure, if there was one. */
  async drain(): Promise<void> {
    await this.settle()
    this.check()
  }

  /** Waits until nothing runs, whatever came of it. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }
}
