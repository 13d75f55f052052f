/**
 * What every destination promises, whatever it is made of: one suite, run on each kind.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Destination, Folder, ObjectInfo } from '../../../main/core/destinations/destination.ts'
import { bytesOf, codeOf, collect, whatIsIn } from './looking.ts'

/** `make` gives a fresh empty destination and a second view of the same place, as another process would have. */
export function destinationConformance(
  kind: string,
  make: () => Promise<{ one: Destination; other: Destination }>,
): void {
  describe(`a ${kind} keeps what every destination promises`, () => {
    let one: Destination
    let other: Destination
    beforeEach(async () => {
      ;({ one, other } = await make())
    })

    it('gives back exactly the bytes that were put, whole, empty and large', async () => {
      const large = bytesOf(3_000_000, 7)
      await one.put('packs/a1', large)
      await one.put('packs/a2', new Uint8Array())
      expect(large.equals(await whatIsIn(other, 'packs/a1'))).toBe(true)
      expect(await other.get('packs/a2')).toHaveLength(0)
    })

    it('keeps what was put even when the caller uses the buffer again', async () => {
      const buffer = bytesOf(1000, 1)
      await one.put('packs/a1', buffer)
      buffer.fill(0)
      expect(await whatIsIn(one, 'packs/a1')).toEqual(bytesOf(1000, 1))
    })

    it('says at most once that it has taken the bytes, keeps them whatever becomes of the buffer', async () => {
      const buffer = Buffer.from(bytesOf(5_000_000, 2))
      let taken = 0
      const take = () => {
        taken++
        buffer.fill(0)
      }
      await one.put('packs/a1', buffer, take)
      expect(taken).toBeLessThanOrEqual(1)
      expect(await whatIsIn(one, 'packs/a1')).toEqual(bytesOf(5_000_000, 2))
    })

    it('answers undefined for an object that is not there, also in a folder that is not there', async () => {
      expect(await one.get('packs/a1')).toBeUndefined()
      expect(await one.get('coffer.json')).toBeUndefined()
    })

    it('reads a part, and less than was asked for where the object ends', async () => {
      const whole = bytesOf(10_000, 3)
      await one.put('packs/a1', whole)
      for (const [offset, length] of [
        [0, 1],
        [1, 4096],
        [9_999, 1],
        [9_990, 100],
        [10_000, 5],
        [20_000, 5],
        [5, 0],
      ] as const) {
        expect(await whatIsIn(one, 'packs/a1', { offset, length }), `${offset}+${length}`).toEqual(
          whole.subarray(offset, offset + length),
        )
      }
    })

    it('reads into the buffer it is given when that is large enough, and elsewhere when it is not', async () => {
      const whole = bytesOf(1000, 5)
      await one.put('packs/a1', whole)
      const enough = new Uint8Array(600)
      const read = await one.get('packs/a1', { offset: 100, length: 500 }, enough)
      expect(read?.buffer).toBe(enough.buffer)
      expect(read).toHaveLength(500)
      expect(Buffer.from(enough.subarray(0, 500))).toEqual(Buffer.from(whole.subarray(100, 600)))
      const small = new Uint8Array(10)
      expect(await whatIsIn(one, 'packs/a1', { offset: 0, length: 500 }, small)).toEqual(whole.subarray(0, 500))
      expect(small).toEqual(new Uint8Array(10))
    })

    it('refuses to overwrite an object, and leaves it as it was', async () => {
      await one.put('snapshots/s1', bytesOf(10, 1))
      expect(await codeOf(other.put('snapshots/s1', bytesOf(20, 2)))).toBe('object_exists')
      expect(await one.get('snapshots/s1')).toHaveLength(10)
    })

    it('lets exactly one of many racing writers have a name', async () => {
      const codes = await Promise.all(
        Array.from({ length: 16 }, (_, i) => codeOf((i % 2 ? one : other).put('snapshots/s1', bytesOf(100 + i, i)))),
      )
      expect(codes.filter((code) => code === undefined)).toHaveLength(1)
      expect(codes.filter((code) => code === 'object_exists')).toHaveLength(15)
      expect(await one.get('snapshots/s1')).toHaveLength(100 + codes.indexOf(undefined))
    })

    it('takes many puts at once', async () => {
      await Promise.all(Array.from({ length: 40 }, (_, i) => one.put(`packs/p${i}`, bytesOf(i * 100, i))))
      const listed = await collect(one.list('packs'))
      expect(listed).toHaveLength(40)
      for (const { name, size } of listed) expect(await whatIsIn(other, name)).toEqual(bytesOf(size, size / 100))
    })

    it('lists each folder on its own, with names, sizes and times', async () => {
      const before = (await one.now()).getTime()
      await one.put('coffer.json', bytesOf(11, 1))
      await one.put('packs/a1', bytesOf(12, 1))
      await one.put('snapshots/00000001-ab.0', bytesOf(13, 1))
      const after = (await one.now()).getTime()
      const named = async (folder: Folder): Promise<unknown[]> =>
        (await collect(other.list(folder))).map(({ name, size }: ObjectInfo) => [name, size])
      expect(await named('')).toEqual([['coffer.json', 11]])
      expect(await named('packs')).toEqual([['packs/a1', 12]])
      expect(await named('snapshots')).toEqual([['snapshots/00000001-ab.0', 13]])
      expect(await named('locks')).toEqual([])
      for (const { modified } of await collect(one.list('packs'))) {
        // A millisecond of slack: file systems keep finer times than Date does, and round either way.
        expect(modified.getTime()).toBeGreaterThanOrEqual(before - 1)
        expect(modified.getTime()).toBeLessThanOrEqual(after + 1)
      }
    })

    it('deletes an object, and does not mind when it is gone already', async () => {
      await one.put('packs/a1', bytesOf(10, 1))
      await other.delete('packs/a1')
      expect(await one.get('packs/a1')).toBeUndefined()
      expect(await collect(one.list('packs'))).toEqual([])
      expect(await codeOf(one.delete('packs/a1'))).toBeUndefined()
      expect(await codeOf(one.delete('locks/never'))).toBeUndefined()
    })

    it('notices that an object was deleted and put anew with other bytes', async () => {
      await one.put('packs/a1', bytesOf(10, 1))
      expect(await one.get('packs/a1', { offset: 0, length: 4 })).toHaveLength(4)
      await other.delete('packs/a1')
      await other.put('packs/a1', bytesOf(10, 2))
      expect(await whatIsIn(one, 'packs/a1', { offset: 0, length: 4 })).toEqual(bytesOf(4, 2))
    })

    it('replaces the header only while it is what the caller saw', async () => {
      const [first, second, third] = [bytesOf(100, 1), bytesOf(90, 2), bytesOf(110, 3)]
      await one.replace('coffer.json', first, undefined)
      expect(await codeOf(other.replace('coffer.json', second, undefined))).toBe('object_exists')
      await other.replace('coffer.json', second, first)
      expect(await codeOf(one.replace('coffer.json', third, first))).toBe('object_exists')
      expect(await whatIsIn(one, 'coffer.json')).toEqual(second)
      await one.delete('coffer.json')
      expect(await codeOf(one.replace('coffer.json', third, second))).toBe('object_exists')
      expect(await one.get('coffer.json')).toBeUndefined()
      expect(await collect(one.list(''))).toEqual([])
    })

    it('lets exactly one of two racing replacements win, each round, and tells the other', async () => {
      let current = bytesOf(64, 0)
      await one.replace('coffer.json', current, undefined)
      for (let round = 1; round <= 50; round++) {
        const mine = bytesOf(64, round * 2)
        const theirs = bytesOf(64, round * 2 + 1)
        const codes = await Promise.all([
          codeOf(one.replace('coffer.json', mine, current)),
          codeOf(other.replace('coffer.json', theirs, current)),
        ])
        expect(codes.toSorted(), `round ${round}`).toEqual(['object_exists', undefined])
        current = codes[0] === undefined ? mine : theirs
        expect(await whatIsIn(one, 'coffer.json')).toEqual(current)
      }
    })

    it('refuses names that could leave the archive', async () => {
      for (const name of [
        '../x',
        'packs/../x',
        '/etc/passwd',
        'packs/a/b',
        'packs/',
        '.hidden',
        'packs/.x',
        'other/x',
        'packs\\x',
        'C:x',
        '',
        'packs/x\n',
        '/x',
      ]) {
        expect(await codeOf(one.put(name, bytesOf(1, 1))), name).toBe('destination_failed')
        expect(await codeOf(one.get(name)), name).toBe('destination_failed')
        expect(await codeOf(one.delete(name)), name).toBe('destination_failed')
      }
    })
  })
}
