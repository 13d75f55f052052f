/** What every storage engine must do. Run against each by <engine>-storage.test.ts. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { StorageUnavailable, type Storage } from '../../../vault/store/storage.ts'
import { storageReads } from './storage-reads.ts'
import { type Bed, checkWhole, increment, look, put, rid, row, writing } from './storage-samples.ts'

/** `makeBed` gives an empty database, new for each test. */
export function storageConformance(engine: string, makeBed: () => Promise<Bed>): void {
  async function bed(): Promise<Bed> {
    const made = await makeBed()
    return {
      ...made,
      open: async (options) => {
        const storage = await made.open(options)
        onTestFinished(() => storage.close())
        return storage
      },
    }
  }
  const nothing = { rids: [], after: 0, notes: [] }

  describe(`${engine}: groups`, () => {
    it('says what it is and that an empty one is empty', async () => {
      const storage = await (await bed()).open()
      const seen = await look(storage, ['any'], ['any'])
      expect(storage.engine).toBe(engine)
      expect(seen).toMatchObject({ head: undefined, entries: [], rows: new Map(), notes: new Map() })
      expect(Math.abs(seen.now - Date.now())).toBeLessThan(60_000)
      expect([await storage.head(), await storage.checkpoint(), await storage.note('any')]).toEqual(
        Array(3).fill(undefined),
      )
    })

    it('has everything that a group wrote, for the next group, for other nodes and after opening it anew', async () => {
      const { open } = await bed()
      const storage = await open()
      const touchAt = 1_900_000_000_123
      const receipts = [{ rid: rid('a'), number: 1, bytes: Buffer.from('receipt') }]
      await put(storage, [row('a', 'first', touchAt), row('b', '')], {
        receipts,
        notes: new Map([['n', Buffer.alloc(3)]]),
      })
      await put(storage, [row('a', 'second', touchAt + 1)])
      await storage.close()
      const again = await open()
      const seen = await checkWhole(again, ['a', 'b', 'c'])
      expect(seen.rows.get(rid('a').toString('hex'))).toEqual(row('a', 'second', touchAt + 1))
      expect(seen.rows.get(rid('b').toString('hex'))).toEqual(row('b', ''))
      expect(seen.head).toMatchObject({ place: 3, epoch: 1 })
      expect(await again.head()).toEqual(seen.head)
      expect(await again.receipts(rid('a'), 0, 10)).toEqual(receipts)
      expect(await again.note('n')).toEqual(Buffer.alloc(3))
    })

    it.each([
      ['its decision throws', 'decide'],
      ['the engine fails before its commit', 'written'],
      ['its log entries leave a gap', 'gap'],
      ['its head is not at its last entry', 'head'],
      ['it gives no changes', 'none'],
    ])('writes nothing of a group when %s', async (_, how) => {
      let failing = false
      const storage = await (
        await bed()
      ).open({
        at: (moment) => {
          if (failing && moment === how) throw new StorageUnavailable('on purpose')
        },
      })
      await put(storage, [row('a', 'before')])
      failing = true
      const group = storage.group({ ...nothing, rids: [rid('a')] }, async (seen) => {
        const changes = writing(seen, [row('a', 'after'), row('b')], { notes: new Map([['n', Buffer.alloc(1)]]) })
        if (how === 'decide') throw new RangeError('decided against')
        if (how === 'gap') return { value: 1, changes: { ...changes, entries: changes.entries.slice(1) } }
        if (how === 'head') return { value: 1, changes: { ...changes, head: { ...changes.head, place: 9 } } }
        return how === 'none' ? { value: 1 } : { value: 1, changes }
      })
      if (how === 'none') expect(await group).toBe(1)
      else if (how === 'decide') await expect(group).rejects.toThrow(RangeError)
      else if (how === 'written') await expect(group).rejects.toThrow(StorageUnavailable)
      else await expect(group).rejects.toThrow(/log (entry|head)/)
      failing = false
      const seen = await checkWhole(storage, ['a', 'b'])
      expect(seen.rows.get(rid('a').toString('hex'))?.bytes.toString()).toBe('before')
      expect(await storage.note('n')).toBeUndefined()
      await increment(storage, 'still works', turn)
    })

    it('lets no group come between what another sees and what it writes, at two nodes', async () => {
      const { open } = await bed()
      const nodes = [await open(), await open()]
      const numbers = await Promise.all(
        Array.from({ length: 100 }, (_, at) => increment(nodes[at % 2] as Storage, 'shared', turn)),
      )
      expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, at) => at + 1))
      const [one] = nodes
      if (one) expect((await checkWhole(one, ['shared'])).head?.place).toBe(100)
    })

    it('keeps every group whole, whatever groups there are', async () => {
      const { open } = await bed()
      const nodes = [await open(), await open()]
      const change = fc.record({
        node: fc.nat(1),
        rows: fc.uniqueArray(fc.tuple(fc.nat(9), fc.string({ unit: 'binary' })), {
          selector: ([name]) => name,
          maxLength: 5,
        }),
        notes: fc.uniqueArray(fc.tuple(fc.string({ unit: 'grapheme', minLength: 1 }), fc.option(fc.uint8Array())), {
          selector: ([name]) => name,
          maxLength: 4,
        }),
        throws: fc.boolean(),
      })
      const rows = new Map<number, string>()
      const notes = new Map<string, string>()
      await fc.assert(
        fc.asyncProperty(change, async (it) => {
          const storage = nodes[it.node] as Storage
          const group = storage.group(nothing, async (seen) => {
            const given = new Map(
              it.notes.map(([name, bytes]) => [name.replaceAll('\0', '0'), bytes && Buffer.from(bytes)]),
            )
            const changes = writing(
              seen,
              it.rows.map(([name, text]) => row(name, text)),
              { notes: given },
            )
            if (it.throws) throw new RangeError('no')
            return { value: given, changes }
          })
          if (it.throws) await expect(group).rejects.toThrow(RangeError)
          else {
            for (const [name, bytes] of await group) {
              if (bytes) notes.set(name, bytes.toString('hex'))
              else notes.delete(name)
            }
            for (const [name, text] of it.rows) rows.set(name, Buffer.from(text).toString('hex'))
          }
          const seen = await look(nodes[1 - it.node] as Storage, [...rows.keys()], [...notes.keys()])
          expect(new Map([...seen.notes].map(([name, bytes]) => [name, bytes.toString('hex')]))).toEqual(notes)
          const found = [...rows.keys()].map((name) => [
            name,
            seen.rows.get(rid(name).toString('hex'))?.bytes.toString('hex'),
          ])
          expect(found).toEqual([...rows])
        }),
        { numRuns: 40 },
      )
    })

    it.each(['begun', 'written', 'committed'])(
      'keeps all or nothing when its process is killed with a group %s',
      async (moment) => {
        const { open, where } = await bed()
        const child = spawn(process.execPath, [join(import.meta.dirname, 'group-writer.ts'), ...where, moment], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        onTestFinished(() => void child.kill('SIGKILL'))
        let said = ''
        for await (const chunk of child.stdout) {
          said += String(chunk)
          if (said.includes('halted')) break
        }
        const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
        child.kill('SIGKILL')
        await ended
        const acknowledged = Number(said.trim().split('\n').at(-2))
        const storage = await open()
        const { head } = await checkWhole(storage, ['one', 'two'])
        expect(acknowledged).toBeGreaterThan(0)
        expect(head?.place).toBe(acknowledged + (moment === 'committed' ? 2 : 0))
        await put(storage, [row('one')])
      },
    )
  })

  storageReads(engine, bed)
}
