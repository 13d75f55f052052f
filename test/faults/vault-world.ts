/** A vault of one or two nodes over one database, in which nodes end and begin again, and what is true of its records. */
import { existsSync, rmSync } from 'node:fs'
import type { Receipt } from '../../contract/vault.ts'
import { identityKey } from '../../vault/log/chain.ts'
import { rotateSealKey } from '../../vault/log/rotate.ts'
import type { OpaquePool } from '../../vault/service/opaque-pool.ts'
import type { Sent } from '../fixtures/vault/honest-client.ts'
import { openTestVault, type TestVault } from '../fixtures/vault/test-vault.ts'
import type { Storage } from '../../vault/store/storage.ts'
import { type Blow, Mortal } from './vault-mortal.ts'
import { must, Truth } from './vault-truth.ts'

/** A vault that is made wrong, to see that somebody notices. */
export interface Mutant {
  /** Changes a node that has just been opened. */
  opened?: (vault: TestVault) => void
  /** Called while no node runs, before the first is opened again. */
  closed?: (folder: string) => void
}

export interface WorldOptions {
  nodes: number
  waits: readonly number[]
  opaque: OpaquePool
  mutant?: Mutant | undefined
}

interface Node {
  name: string
  vault: TestVault
  mortal: Mortal
  /** The storage itself, which does not die with the node. */
  storage: Storage
}

/** Memory, where there is a file system in it: what is tested here is order, not what a disk keeps. */
const parent = existsSync('/dev/shm') ? '/dev/shm' : undefined

export class World {
  readonly clock = { now: Date.now() }
  readonly evaluations = new Map<string, number>()
  readonly truths = new Map<string, Truth>()
  private nodes: Node[] = []
  private readonly options: WorldOptions
  private folder = ''
  private constructor(options: WorldOptions) {
    this.options = options
  }

  static async open(options: WorldOptions): Promise<World> {
    const world = new World(options)
    for (let at = 0; at < options.nodes; at++) await world.start(at)
    return world
  }

  get size(): number {
    return this.nodes.length
  }

  private node(at: number): Node {
    const node = this.nodes[at % this.nodes.length]
    if (!node) throw new Error('there is no node')
    return node
  }

  private async start(at: number, blow?: Blow): Promise<void> {
    const name = `node-${at}`
    const mortal = new Mortal()
    mortal.reset(blow)
    const { clock, evaluations } = this
    const { waits, opaque } = this.options
    let storage: Storage | undefined
    const vault = await openTestVault({
      ...(this.folder === '' ? { ...(parent === undefined ? {} : { parent }) } : { folder: this.folder }),
      nodeName: name,
      clock,
      evaluations,
      waits,
      opaque,
      wrap: (real) => {
        storage = real.storage
        return mortal.wrap(real)
      },
    })
    this.folder = vault.folder
    // What was not struck while it was opened is not struck later.
    if (!mortal.dead) mortal.reset()
    this.options.mutant?.opened?.(vault)
    this.nodes[at] = { name, vault, mortal, storage: storage ?? vault.storage }
  }

  send(at: number, sent: Sent): Promise<{ status: number; json: unknown }> {
    return this.node(at).vault.send(sent)
  }

  /** The node dies at that call, as soon as there is one; `restart` brings it back. */
  doom(at: number, blow: Blow): void {
    this.node(at).mortal.reset(blow)
  }

  /** What became of a node that was doomed. */
  fate(at: number): { died: boolean; calls: number } {
    const { dead, calls } = this.node(at).mortal
    return { died: dead, calls }
  }

  vault(at: number): TestVault {
    return this.node(at).vault
  }

  isDoomed(at: number): boolean {
    return this.node(at).mortal.doomed
  }

  /** `blow`: it dies while it is being opened, and is opened once more. */
  async restart(at: number, blow?: Blow): Promise<void> {
    const index = at % this.nodes.length
    await this.node(at).vault.close()
    if (this.nodes.length === 1) this.options.mutant?.closed?.(this.folder)
    if (blow) {
      const isDead = await this.start(index, blow).then(
        () => this.node(index).mortal.dead,
        () => true,
      )
      if (!isDead) return
      // One that died with its last call was open all the same.
      await this.node(index)
        .vault.close()
        .catch(() => undefined)
    }
    await this.start(index)
  }

  async sweep(at: number): Promise<void> {
    await this.node(at).vault.node.sweep()
  }

  async checkpoint(at: number): Promise<void> {
    await this.node(at).vault.node.checkpoint(1)
  }

  async rotate(at: number): Promise<void> {
    await rotateSealKey(this.node(at).vault.node.parts)
  }

  truth(id: string): Truth {
    const known = this.truths.get(id)
    if (known) return known
    const truth = new Truth(identityKey(this.node(0).vault.keystore.identity), this.options.waits)
    this.truths.set(id, truth)
    return truth
  }

  /** Takes what has been added to these records' chains, and holds the vault to it. */
  async judge(ids: Iterable<string>): Promise<void> {
    for (const id of ids) {
      const truth = this.truth(id)
      // Not through the node, which may be dying.
      const stored = await this.node(0).storage.receipts(
        Buffer.from(id, 'base64url'),
        Math.max(0, truth.receipts.length - 1),
        500,
      )
      const receipts = stored.map(({ bytes }) => JSON.parse(bytes.toString()) as Receipt)
      const last = truth.receipts.at(-1)
      if (last) must(JSON.stringify(receipts.shift()) === JSON.stringify(last), 'receipts that were there stay there')
      for (const receipt of receipts) truth.take(receipt)
      const evaluated = this.evaluations.get(id) ?? 0
      must(evaluated <= truth.count('tried'), `${evaluated} guesses were evaluated, ${truth.count('tried')} charged`)
    }
  }

  checkTroubles(): void {
    for (const { vault } of this.nodes) {
      must(vault.node.parts.journal.brokenBy === undefined, 'no node takes its own log for broken')
      const [trouble] = vault.troubles.filter((it) => it.message !== 'dead')
      must(trouble === undefined, `no node has anything to tell its operator: ${trouble?.message}`)
    }
  }

  async close(): Promise<void> {
    for (const { vault } of this.nodes) await vault.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
