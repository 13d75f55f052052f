/** What every storage engine must do when it is read, and with its checkpoint: part of storage-conformance.ts. */
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { StorageUnavailable, maxEntries } from '../../../vault/store/storage.ts'
import { type Bed, checkpointOf, checkWhole, increment, look, partsOf, put, rid, row } from './storage-samples.ts'

/** `bed` gives an empty database, and closes what was opened on it. */
export function storageReads(engine: string, bed: () => Promise<Bed>): void {
  describe(`${engine}: reading`, () => {
    it('gives log entries in order, bounded, to groups as well', async () => {
      const storage = await (await bed()).open()
      for (let at = 0; at < 6; at++) {
        await put(
          storage,
          Array.from({ length: 1700 }, (_, index) => row(at * 1700 + index)),
        )
      }
      const entries = await storage.group({ rids: [], notes: [], after: 100 }, async (seen) => ({
        value: seen.entries,
      }))
      expect([entries.length, entries[0]?.place, entries.at(-1)?.place]).toEqual([maxEntries, 101, 100 + maxEntries])
      expect(await storage.log(10_000, 150)).toEqual((await storage.log(9_990, 160)).slice(10))
      expect((await storage.log(10_190, 150)).map(({ place }) => place)).toEqual(
        Array.from({ length: 10 }, (_, at) => 10_191 + at),
      )
    })

    it('gives rows in the order of their ids, page after page', async () => {
      const storage = await (await bed()).open()
      await put(
        storage,
        Array.from({ length: 50 }, (_, name) => row(name, String(name))),
      )
      const found: Buffer[] = []
      for (;;) {
        const page = await storage.rows(found.at(-1), 7)
        found.push(...page.map((it) => it.rid))
        if (page.length < 7) break
      }
      expect(found).toEqual(Array.from({ length: 50 }, (_, name) => rid(name)).toSorted(Buffer.compare))
    })

    it('gives a record’s receipts in order, and of two with one number the later', async () => {
      const storage = await (await bed()).open()
      const receipt = (name: string, number: number): { rid: Buffer; number: number; bytes: Buffer } => ({
        rid: rid(name),
        number,
        bytes: Buffer.from(`${name} ${number}`),
      })
      await put(storage, [row('a')], { receipts: [3, 1, 2, 4].map((number) => receipt('a', number)) })
      await put(storage, [row('b')], { receipts: [receipt('b', 1)] })
      expect(await storage.receipts(rid('a'), 1, 2)).toEqual([receipt('a', 2), receipt('a', 3)])
      expect(await storage.receipts(rid('b'), 0, 9)).toEqual([receipt('b', 1)])
      const later = { ...receipt('a', 4), bytes: Buffer.from('later') }
      await put(storage, [row('a', 'y')], { receipts: [later] })
      expect(await storage.receipts(rid('a'), 3, 9)).toEqual([later])
      expect((await checkWhole(storage, ['a', 'b'])).head?.place).toBe(3)
    })

    it('gives what is due, the longest waiting first', async () => {
      const storage = await (await bed()).open()
      const { now } = await look(storage, [])
      const times = { later: now + 600_000, second: now - 2000, never: null, first: now - 3000, third: now - 1000 }
      await put(
        storage,
        Object.entries(times).map(([name, touchAt]) => row(name, 'x', touchAt)),
      )
      expect(await storage.due(9)).toEqual(['first', 'second', 'third'].map(rid))
      await put(storage, [row('first'), row('third', 'x', now - 9000)])
      expect(await storage.due(1)).toEqual([rid('third')])
      expect(await storage.due(9)).toEqual(['third', 'second'].map(rid))
    })
  })

  describe(`${engine}: the checkpoint`, () => {
    it('is replaced as a whole, and the log below it goes', async () => {
      const storage = await (await bed()).open()
      await put(storage, [row(1), row(2), row(3)])
      await storage.putCheckpoint(2, partsOf('one', 'two'), 1)
      expect(await checkpointOf(storage)).toEqual({ place: 2, parts: ['one', 'two'] })
      expect(await storage.log(0, 9)).toHaveLength(3)
      await storage.putCheckpoint(3, partsOf('three'), 3)
      expect(await checkpointOf(storage)).toEqual({ place: 3, parts: ['three'] })
      expect((await storage.log(0, 9)).map(({ place }) => place)).toEqual([3])
      // An older one that another node finished late replaces nothing and removes nothing.
      await storage.putCheckpoint(2, partsOf('late'), 2)
      expect(await checkpointOf(storage)).toEqual({ place: 3, parts: ['three'] })
      await storage.putCheckpoint(4, partsOf(), 4)
      expect(await checkpointOf(storage)).toEqual({ place: 4, parts: [] })
      await expect(storage.putCheckpoint(5, partsOf('x'), 7)).rejects.toThrow(/checkpoint at 5/)
    })

    it('stays the old one when making a new one fails, and hinders no group meanwhile', async () => {
      const storage = await (await bed()).open()
      await put(storage, [row(1)])
      await storage.putCheckpoint(1, partsOf('old'), 1)
      async function* failing(): AsyncGenerator<Buffer> {
        yield Buffer.from('new')
        await increment(storage, 'meanwhile', turn)
        throw new RangeError('the keystore is gone')
      }
      await expect(storage.putCheckpoint(2, failing(), 2)).rejects.toThrow(RangeError)
      expect(await checkpointOf(storage)).toEqual({ place: 1, parts: ['old'] })
      expect((await storage.head())?.place).toBe(2)
      await storage.putCheckpoint(2, partsOf('newer'), 2)
      expect(await checkpointOf(storage)).toEqual({ place: 2, parts: ['newer'] })
    })

    it('is not given in halves when it is replaced while being read', async () => {
      const storage = await (await bed()).open()
      await storage.putCheckpoint(1, partsOf('a', 'b'), 1)
      const reading = (await storage.checkpoint())?.parts[Symbol.asyncIterator]()
      expect(await reading?.next()).toEqual({ done: false, value: Buffer.from('a') })
      await storage.putCheckpoint(2, partsOf('c', 'd'), 1)
      await expect(reading?.next()).rejects.toThrow(StorageUnavailable)
    })
  })

  describe(`${engine}: coming and going`, () => {
    it('is ready, can be scrubbed, and answers nothing once it is closed', async () => {
      const storage = await (await bed()).open()
      await storage.ready()
      await put(storage, [row('a')])
      await storage.ready()
      await storage.scrub()
      await storage.close()
      const calls = [put(storage, []), storage.head(), storage.ready(), storage.scrub(), storage.rows(undefined, 1)]
      for (const outcome of await Promise.allSettled(calls)) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(StorageUnavailable) })
      }
      await storage.close()
    })
  })
}
