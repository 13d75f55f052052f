import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addHolder, take, withLock } from '../../../scripts/bootstrap/lock.mjs'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-lock-'))
  path = join(folder, 'lock')
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** The number of a process that lived and ended. */
const dead = () => spawnSync(process.execPath, ['--version']).pid
const longAgo = new Date(Date.now() - 3_600_000)

describe('the lock of the preparation', () => {
  it('is held by one at a time', async () => {
    let inside = 0
    let most = 0
    const work = async () => {
      most = Math.max(most, ++inside)
      await new Promise((resolve) => setImmediate(resolve))
      inside--
    }
    await Promise.all([withLock(path, work), withLock(path, work), withLock(path, work)])
    expect(most).toBe(1)
    expect(existsSync(path)).toBe(false)
  })

  it('is given back when the work fails', async () => {
    await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(existsSync(path)).toBe(false)
  })

  it('cannot be taken from a living process', () => {
    writeFileSync(path, String(process.pid))
    expect(take(path)).toBe(false)
    expect(take(path)).toBe(false)
    expect(readFileSync(path, 'utf8')).toBe(String(process.pid))
  })

  it('is free at the second look when its holder was killed', () => {
    writeFileSync(path, String(dead()))
    expect(take(path)).toBe(false)
    expect(take(path)).toBe(true)
  })

  it('stays taken while a process started by the dead holder still works', () => {
    writeFileSync(path, [dead(), process.pid].join('\n'))
    expect(take(path)).toBe(false)
    expect(take(path)).toBe(false)
  })

  it('names the processes that work under it', async () => {
    await withLock(path, async () => {
      addHolder(4_000_000)
      expect(readFileSync(path, 'utf8')).toBe([process.pid, 4_000_000].join('\n'))
    })
  })

  it('is free when nobody has touched it for long, whoever has its number now', () => {
    writeFileSync(path, String(process.pid))
    utimesSync(path, longAgo, longAgo)
    expect(take(path)).toBe(false)
    expect(take(path)).toBe(true)
  })

  it('is not free in the moment before its maker has written its number', () => {
    writeFileSync(path, '')
    expect(take(path)).toBe(false)
    expect(take(path)).toBe(false)
    utimesSync(path, longAgo, longAgo)
    expect(take(path)).toBe(false)
    expect(take(path)).toBe(true)
  })

  it('is cleared by one process only; one that died while clearing does not bar the way', () => {
    writeFileSync(path, String(dead()))
    mkdirSync(`${path}.clearing`)
    expect(take(path)).toBe(false)
    expect(take(path)).toBe(false)
    utimesSync(`${path}.clearing`, longAgo, longAgo)
    expect([take(path), take(path), take(path)]).toEqual([false, false, true])
  })
})
