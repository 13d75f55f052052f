import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { packMemory } from '../../../main/core/archive/write/pack-memory.ts'
import { fillPart } from '../../../main/core/destinations/folder-publish.ts'
import { writePastCache } from '../../../main/core/destinations/write-past-cache.ts'

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
        let taken = 0
        const path = join(root, name)
        await fillPart(await open(path, 'wx'), path, bytes, () => taken++)
        expect(readFileSync(join(root, name)).equals(bytes), name).toBe(true)
        expect(taken).toBe(1)
      }
    },
  )
})

describe.skipIf(!able)('past the cache', () => {
  it('go all whole blocks of a pack, from the memory that packs are filled in', async () => {
    writeFileSync(join(root, 'a'), '')
    expect(await writePastCache(join(root, 'a'), packed(3 * mebibyte + 5000))).toBe(3 * mebibyte + 4096)
  })

  it('goes nothing that is small, or lies in memory from where no disk can take it', async () => {
    writeFileSync(join(root, 'a'), '')
    expect(await writePastCache(join(root, 'a'), packed(mebibyte - 1))).toBe(0)
    expect(await writePastCache(join(root, 'a'), packed(2 * mebibyte).subarray(1))).toBe(0)
    expect(readFileSync(join(root, 'a'))).toHaveLength(0)
  })
})
