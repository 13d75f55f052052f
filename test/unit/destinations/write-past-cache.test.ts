import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { packMemory } from '../../../main/core/archive/write/pack-memory.ts'
import { makePart, settlePart } from '../../../main/core/destinations/folder-publish.ts'
import { fillPastCache } from '../../../main/core/destinations/write-past-cache.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coffer-past-cache-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const mebibyte = 1024 * 1024
/** ext4, XFS, btrfs: file systems that are known to write so. */
const able = process.platform === 'linux' && [0xef53, 0x58465342, 0x9123683e].includes(statfsSync(tmpdir()).type)

function packed(length: number): Buffer {
  const bytes = Buffer.from(packMemory(), 0, length)
  randomBytes(length).copy(bytes)
  return bytes
}

describe('a part file', () => {
  it.each([0, 1, 4096, mebibyte - 1, mebibyte, mebibyte + 1, 5 * mebibyte + 4095])(
    'of %i bytes holds every byte, wherever in memory they lay',
    async (length) => {
      const pack = packed(length + 1)
      for (const [name, bytes] of [
        ['whole', pack.subarray(0, length)],
        ['odd', pack.subarray(1, length + 1)],
        ['elsewhere', Buffer.concat([pack.subarray(0, length)])],
      ] as const) {
        const path = join(root, name)
        await settlePart(await makePart(path, bytes), path)
        expect(readFileSync(join(root, name)).equals(bytes), name).toBe(true)
      }
    },
  )
})

describe.skipIf(!able)('past the cache', () => {
  it('goes a pack of whole blocks, from the memory that packs are filled in', async () => {
    const bytes = packed(3 * mebibyte + 4096)
    const handle = await fillPastCache(join(root, 'a'), bytes)
    expect(handle).toBeDefined()
    await handle?.close()
    expect(readFileSync(join(root, 'a')).equals(bytes)).toBe(true)
  })
})

describe('in the ordinary way', () => {
  it.each<[string, () => Buffer]>([
    ['what is small', () => packed(mebibyte - 4096)],
    ['what is no whole blocks', () => packed(mebibyte + 1)],
    ['what lies in memory from where no disk can take it', () => packed(2 * mebibyte + 1).subarray(1)],
  ])('goes %s, and nothing is left of the attempt', async (_, bytes) => {
    expect(await fillPastCache(join(root, 'a'), bytes())).toBeUndefined()
    expect(readdirSync(root)).toEqual([])
  })

  it('goes what a folder that is not there refuses, and the refusal is told there', async () => {
    const path = join(root, 'nowhere', 'a')
    expect(await fillPastCache(path, packed(2 * mebibyte))).toBeUndefined()
    await expect(makePart(path, packed(2 * mebibyte))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
