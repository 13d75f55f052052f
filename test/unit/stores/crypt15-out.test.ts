/** Where the database of a crypt15 file is unlocked to, and how far that has come. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { UnlockCrypt15 } from '../../../main/core/stores/crypt15.ts'
import { makeCrypt15, tinyDatabase } from '../../fixtures/make-crypt15.ts'
import { type Crypt15Place, crypt15ForTest, flipped, root } from './crypt15-place.ts'

/** A file that takes several steps to read is there. */
function longCrypt15(): Crypt15Place {
  const place = crypt15ForTest()
  const content = deflateSync(Buffer.concat([tinyDatabase, randomBytes(900_000)]))
  writeFileSync(place.file, makeCrypt15({ root, content }))
  return place
}

describe('the place of the database', () => {
  it('is left as it is when something is there', async () => {
    const { file, left, out, unlock } = longCrypt15()
    writeFileSync(out, 'mine')
    await expect(unlock()).rejects.toMatchObject({ code: 'file_exists', detail: { path: out } })
    expect(readFileSync(out, 'utf8')).toBe('mine')
    await expect(unlock({ out: file })).rejects.toMatchObject({ code: 'file_exists' })
    expect(left()).toEqual(['msgstore.db'])
  })

  it.runIf(process.platform !== 'win32')('is left as it is when a link is there that points nowhere', async () => {
    const { folder, out, unlock } = longCrypt15()
    symlinkSync(join(folder, 'nowhere'), out)
    await expect(unlock()).rejects.toMatchObject({ code: 'file_exists' })
    expect(existsSync(join(folder, 'nowhere'))).toBe(false)
  })

  it('is left as it is when something appears there meanwhile', async () => {
    const { left, out, unlock } = longCrypt15()
    const onProgress: UnlockCrypt15['onProgress'] = ({ phase }) => {
      if (phase === 'write') writeFileSync(out, 'mine')
    }
    await expect(unlock({ onProgress })).rejects.toMatchObject({ code: 'file_exists' })
    expect(readFileSync(out, 'utf8')).toBe('mine')
    expect(left()).toEqual(['msgstore.db'])
  })

  it('may be in a folder that is not there: then it says so', async () => {
    const { folder, unlock } = longCrypt15()
    await expect(unlock({ out: join(folder, 'no', 'db') })).rejects.toMatchObject({ code: 'file_failed' })
  })

  it('stays empty when the work is cancelled in either reading', async () => {
    const { left, unlock } = longCrypt15()
    for (const phase of ['check', 'write']) {
      const stop = new AbortController()
      const onProgress: UnlockCrypt15['onProgress'] = (progress) => progress.phase === phase && stop.abort()
      await expect(unlock({ signal: stop.signal, onProgress })).rejects.toMatchObject({ code: 'cancelled' })
      expect(left()).toEqual([])
    }
  })

  it('stays empty when the file changes or shrinks between the two readings', async () => {
    const { file, left, unlock } = longCrypt15()
    const bytes = readFileSync(file)
    const meanwhile = async (change: () => void) => {
      let changed = false
      const onProgress: UnlockCrypt15['onProgress'] = ({ phase }) => {
        if (phase === 'write' && !changed) change()
        changed ||= phase === 'write'
      }
      await expect(unlock({ onProgress })).rejects.toMatchObject({ code: 'crypt15_damaged' })
      expect(left()).toEqual([])
      writeFileSync(file, bytes)
    }
    await meanwhile(() => writeFileSync(file, flipped(bytes, bytes.length - 100, 1)))
    await meanwhile(() => truncateSync(file, 600_000))
  })

  it.runIf(process.platform !== 'win32')(
    'is swept of what a killed run left, and of nothing that still runs',
    async () => {
      const { folder, unlock } = longCrypt15()
      const part = (pid: number | undefined) => join(folder, 'out', `.coffer-unlocked-${pid}-0123456789abcdef.part`)
      const dead = part(spawnSync('true').pid)
      const alive = part(process.ppid)
      for (const path of [dead, alive]) writeFileSync(path, 'messages')
      await unlock()
      expect([existsSync(dead), existsSync(alive)]).toEqual([false, true])
    },
  )
})

describe('a file that cannot be read', () => {
  it('is named as what it is', async () => {
    const { folder, left, unlock } = crypt15ForTest()
    await expect(unlock({ file: join(folder, 'none') })).rejects.toMatchObject({ code: 'store_not_found' })
    await expect(unlock({ file: folder })).rejects.toMatchObject({ code: 'crypt15_damaged' })
    expect(left()).toEqual([])
  })
})

describe('progress', () => {
  it('comes to its end in both readings', async () => {
    const { unlock } = longCrypt15()
    const seen: { phase: string; done: number; total: number }[] = []
    await unlock({ onProgress: (progress) => seen.push(progress) })
    for (const phase of ['check', 'write']) {
      const own = seen.filter((progress) => progress.phase === phase)
      expect(own.length).toBeGreaterThan(2)
      expect(own.at(-1)?.done).toBe(own.at(-1)?.total)
    }
  })
})
