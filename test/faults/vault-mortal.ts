/** Storage and keystore of a process that dies at a chosen call: nothing it does after that has any effect. */
import type { Keystore } from '../../vault/keystore/keystore.ts'
import { KeystoreUnavailable } from '../../vault/keystore/keystore.ts'
import type { Storage } from '../../vault/store/storage.ts'
import { StorageUnavailable } from '../../vault/store/storage.ts'

export interface Blow {
  /** The how-manieth call from now, counted from 1. */
  call: number
  /** `before` it did anything; `inside`, which groups have between deciding and committing; `after`, its answer lost. */
  when: 'before' | 'inside' | 'after'
}

export class Mortal {
  /** Calls since `reset`, dead or alive. */
  calls = 0
  dead = false
  private blow: Blow | undefined

  get doomed(): boolean {
    return this.blow !== undefined
  }

  /** Counts anew; without a blow nothing dies. */
  reset(blow?: Blow): void {
    this.calls = 0
    this.dead = false
    this.blow = blow
  }

  wrap({ keystore, storage }: { keystore: Keystore; storage: Storage }): { keystore: Keystore; storage: Storage } {
    const lost = { keystore: () => new KeystoreUnavailable('dead'), storage: () => new StorageUnavailable('dead') }
    const group: Storage['group'] = (wanted, decide) =>
      this.step(lost.storage, (inside) =>
        storage.group(wanted, async (seen) => {
          const decided = await decide(seen)
          inside()
          return decided
        }),
      )
    return {
      keystore: this.all(keystore, lost.keystore),
      storage: { ...this.all(storage, lost.storage), group },
    }
  }

  private all<T extends object>(part: T, lost: () => Error): T {
    const wrapped = Object.entries(part).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === 'function' && name !== 'close'
        ? // Every method of these interfaces is asynchronous.
          (...args: unknown[]) => this.step(lost, () => value.apply(part, args) as Promise<unknown>)
        : value,
    ])
    // The same names, and functions of the same types.
    return Object.fromEntries(wrapped) as T
  }

  private async step<T>(lost: () => Error, work: (inside: () => void) => Promise<T>): Promise<T> {
    this.calls += 1
    const struck = this.blow?.call === this.calls ? this.blow.when : undefined
    this.dead ||= struck === 'before'
    if (this.dead) throw lost()
    const value = await work(() => {
      this.dead ||= struck === 'inside'
      if (this.dead) throw lost()
    })
    this.dead ||= struck === 'after'
    if (this.dead) throw lost()
    return value
  }
}
