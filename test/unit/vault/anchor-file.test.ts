import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AnchorFile, openAnchorFile } from '../../../vault/keystore/anchor-file.ts'
import { KeystoreUnavailable, KeystoreWrong } from '../../../vault/keystore/keystore.ts'

const key = Buffer.alloc(32, 7)
const at = (place: number) => ({ place, hash: Buffer.alloc(32, place) })
const slot = 4096

let folder: string
let path: string
const opened: AnchorFile[] = []
const open = async (name = 'a', withKey = key) => {
  const one = await openAnchorFile(folder, name, withKey)
  opened.push(one)
  return one
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-anchor-'))
  path = join(folder, 'a.anchor')
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The file's bytes after each of the first writes, beginning with none. */
async function history(writes: number): Promise<Buffer[]> {
  const file = await open()
  const all = [readFileSync(path)]
  for (let place = 1; place <= writes; place++) {
    await file.write(at(place))
    all.push(readFileSync(path))
  }
  return all
}

describe('an anchor file', () => {
  it('says nothing at first, never grows, and alternates', async () => {
    const all = await history(4)
    expect(all.map(({ length }) => length)).toEqual(all.map(() => 2 * slot))
    for (const [index, bytes] of all.slice(1).entries()) {
      const before = all[index] ?? Buffer.alloc(0)
      const same = (from: number) => bytes.subarray(from, from + slot).equals(before.subarray(from, from + slot))
      expect([same(0), same(slot)]).toEqual(index % 2 === 0 ? [true, false] : [false, true])
    }
  })

  it('keeps the old anchor or has the new one, wherever a write was cut short, and goes on', async () => {
    const all = await history(3)
    for (let writes = 1; writes < all.length; writes++) {
      const [before, after] = [all[writes - 1], all[writes]]
      if (!before || !after) throw new Error('no history')
      const start = before.findIndex((byte, index) => byte !== after[index]) < slot ? 0 : slot
      for (let length = 0; length <= 80; length++) {
        const torn = Buffer.from(before)
        after.copy(torn, start, start, start + length)
        writeFileSync(path, torn)
        const file = await openAnchorFile(folder, 'a', key)
        const old = writes === 1 ? undefined : at(writes - 1)
        expect(await file.read(), `write ${writes}, ${length} bytes`).toEqual(length === 80 ? at(writes) : old)
        await file.write(at(9))
        expect(await file.read()).toEqual(at(9))
        await file.close()
      }
    }
  })

  it('with both slots damaged is refused, and never taken for a new one', async () => {
    const [empty, , two] = await history(2)
    for (const [bytes, slots] of [
      [empty, [0]],
      [two, [0, slot]],
    ] as const) {
      const damaged = Buffer.from(bytes ?? [])
      for (const start of slots) damaged.writeUInt8(damaged.readUInt8(start + 20) ^ 1, start + 20)
      writeFileSync(path, damaged)
      await expect(open()).rejects.toThrow(KeystoreWrong)
    }
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(2 * slot), Buffer.alloc(79, 1)]) {
      writeFileSync(path, bytes)
      await expect(open()).rejects.toThrow(/damaged/)
    }
  })

  it('is of one node and one key file only', async () => {
    await history(2)
    renameSync(path, join(folder, 'b.anchor'))
    await expect(open('b')).rejects.toThrow(KeystoreWrong)
    renameSync(join(folder, 'b.anchor'), path)
    await expect(open('a', Buffer.alloc(32, 8))).rejects.toThrow(KeystoreWrong)
    expect(await (await open()).read()).toEqual(at(2))
  })

  it('notices an older copy that is put back while it is open', async () => {
    const file = await open()
    await file.write(at(1))
    copyFileSync(path, join(folder, 'copy'))
    await file.write(at(2))
    await file.write(at(3))
    copyFileSync(join(folder, 'copy'), path)
    await expect(file.write(at(4))).rejects.toThrow(KeystoreUnavailable)
  })

  it.each(['taken away', 'replaced'])('that was %s is missed, though it is open still', async (what) => {
    const file = await open()
    await file.write(at(1))
    const copy = readFileSync(path)
    rmSync(path)
    if (what === 'replaced') writeFileSync(path, copy)
    await expect(file.read()).rejects.toThrow(KeystoreUnavailable)
  })
})
