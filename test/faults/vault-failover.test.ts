/** The primary is killed while groups are in flight; a standby takes over. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { openPostgres } from '../../vault/store/postgres.ts'
import { StorageUnavailable, type Storage } from '../../vault/store/storage.ts'
import { Random } from '../fixtures/random.ts'
import { until, type Server } from '../unit/vault/postgres-server.ts'
import { rid, row, sha, writing } from '../unit/vault/storage-samples.ts'
import { threeSites, type Sites } from '../unit/vault/three-sites.ts'
import { chooseSeed } from './seed.ts'

const random = new Random(chooseSeed('vault-failover'))
let made: Sites | undefined
beforeAll(async () => {
  made = await threeSites()
})
afterAll(() => made?.remove())

/** Writes groups until it is told to stop; remembers what each acknowledged one wrote. */
function writer(name: string, storage: Storage): { acknowledged: string[]; stop: () => Promise<void> } {
  const acknowledged: string[] = []
  let stopped = false
  const run = async (): Promise<void> => {
    for (let at = 0; !stopped; at++) {
      const written = row(name, `${name} ${at}`)
      try {
        await storage.group({ rids: [rid(name)], after: 0, notes: [] }, async (seen) => ({
          value: undefined,
          changes: writing(seen, [written]),
        }))
        acknowledged.push(sha(written.bytes).toString('hex'))
      } catch (error) {
        if (!(error instanceof StorageUnavailable)) throw error
      }
    }
  }
  const running = run()
  return {
    acknowledged,
    stop: () => {
      stopped = true
      return running
    },
  }
}
async function logged(storage: Storage): Promise<string[]> {
  const all: string[] = []
  for (;;) {
    const entries = await storage.log(all.length, 1000)
    for (const { place, digest } of entries) {
      expect(place).toBe(all.length + 1)
      all.push(digest.toString('hex'))
    }
    if (entries.length < 1000) return all
  }
}

async function expectAll(acknowledged: readonly string[], storage: Storage): Promise<void> {
  const there = new Set(await logged(storage))
  expect(acknowledged.filter((it) => !there.has(it))).toEqual([])
}

describe('failover', () => {
  it('whatever was acknowledged is there afterwards, and both nodes go on by themselves, again and again', async () => {
    if (!made) throw new Error('there are no sites')
    const { a, b, c, url, streaming, mostAdvanced, promote, rebuild } = made
    const open = async (): Promise<Storage> => {
      const storage = await openPostgres({ urls: [url], patience: 3000 })
      onTestFinished(() => storage.close())
      return storage
    }
    const nodes = [await open(), await open()]
    const writers = nodes.map((storage, index) => writer(`node ${index}`, storage))
    onTestFinished(async () => void (await Promise.allSettled(writers.map(({ stop }) => stop()))))
    const total = (): number => writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0)
    let primary: Server = a
    for (let round = 0; round < 2; round++) {
      const enough = total() + 10 + random.below(100)
      await until('groups in flight', () => total() >= enough)
      const [one, two] = [a, b, c].filter((it) => it !== primary)
      if (!one || !two) throw new Error('two are left')
      await primary.kill()
      const chosen = await mostAdvanced([one, two])
      await promote(chosen, chosen === one ? two : one)
      const before = writers.map(({ acknowledged }) => acknowledged.length)
      await until('both nodes to go on', () => {
        return writers.every(({ acknowledged }, index) => acknowledged.length > (before[index] ?? 0) + 10)
      })
      await expectAll(
        writers.flatMap(({ acknowledged }) => acknowledged),
        await open(),
      )
      // The old one comes back and still takes itself for the primary. Nobody who has all addresses goes to it.
      await primary.start()
      const latecomer = await open()
      await expectAll(
        writers.flatMap(({ acknowledged }) => acknowledged),
        latecomer,
      )
      await primary.kill()
      await rebuild(primary, chosen)
      await streaming(chosen, 2)
      primary = chosen
    }
    await Promise.all(writers.map(({ stop }) => stop()))
    await expectAll(
      writers.flatMap(({ acknowledged }) => acknowledged),
      await open(),
    )
  })
})
