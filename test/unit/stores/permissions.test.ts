import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { makeBeeper } from '../../fixtures/make-small-stores.ts'
import { places } from './owned.ts'
import { startOwner } from './processes.ts'
import { stateOf } from './pages.ts'

// Root may do everything, so under root somebody else must look.
const somebody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

function inspectAsSomebody(path: string, tmp: string): unknown {
  const script = join(import.meta.dirname, '../../fixtures/inspect-store.ts')
  const { stdout, stderr } = spawnSync(process.execPath, [script, path, tmp], { ...somebody, encoding: 'utf8' })
  return stdout === '' ? stderr : JSON.parse(stdout)
}

/** A folder that somebody may look into but not write to, with what `fill` puts there. */
async function readOnly(fill: (path: string) => unknown): Promise<{ owner: string; path: string; tmp: string }> {
  const { owner, path, tmp } = places()
  mkdirSync(tmp, { recursive: true })
  chmodSync(join(owner, '..'), 0o755)
  chmodSync(join(tmp, '..'), 0o755)
  chmodSync(tmp, 0o777)
  await fill(path)
  for (const name of readdirSync(owner)) chmodSync(join(owner, name), 0o444)
  chmodSync(owner, 0o555)
  onTestFinished(() => chmodSync(owner, 0o755))
  return { owner, path, tmp }
}

describe('a store in a folder that may not be written to', () => {
  it('is read when it is closed', async () => {
    const { owner, path, tmp } = await readOnly(makeBeeper)
    const before = stateOf(owner)
    expect(inspectAsSomebody(path, tmp)).toMatchObject({ kind: 'beeper', chats: 3 })
    expect(stateOf(owner)).toEqual(before)
  })

  const log = async (path: string) => {
    makeBeeper(path)
    const program = await startOwner(path)
    await program.run(`insert into threads values ('!d:beeper.local', 'x', '{}', 0)`)
    expect(existsSync(`${path}-wal`)).toBe(true)
    return program
  }

  it('is read with the log that a dead owner left', async () => {
    const { owner, path, tmp } = await readOnly(async (at) => (await log(at)).kill())
    const before = stateOf(owner)
    expect(inspectAsSomebody(path, tmp)).toMatchObject({ kind: 'beeper', chats: 4 })
    expect(stateOf(owner)).toEqual(before)
  })

  it('is read while its owner has it open', async () => {
    const { owner, path, tmp } = await readOnly(log)
    expect(inspectAsSomebody(path, tmp)).toMatchObject({ kind: 'beeper', chats: 4 })
    expect(readdirSync(owner)).toEqual(['store.db', 'store.db-shm', 'store.db-wal'])
  })

  it('is read after a writer died in the middle of a transaction', async () => {
    const { owner, path, tmp } = await readOnly(async (at) => {
      makeBeeper(at)
      const program = await startOwner(at)
      await program.run(
        `pragma journal_mode = delete; pragma cache_size = 2; begin immediate; delete from mx_room_messages; delete from threads`,
      )
      await program.kill()
    })
    expect(readdirSync(owner)).toEqual(['store.db', 'store.db-journal'])
    expect(inspectAsSomebody(path, tmp)).toMatchObject({ kind: 'beeper', chats: 3 })
  })
})

describe('a store that may not be read', () => {
  it('is refused for want of permission', async () => {
    const { path, tmp } = await readOnly(makeBeeper)
    chmodSync(path, 0o000)
    expect(inspectAsSomebody(path, tmp)).toEqual({ code: 'store_no_permission' })
  })

  it('is refused for want of permission when only its log may not be read', async () => {
    const { path, tmp } = await readOnly(async (at) => {
      makeBeeper(at)
      const program = await startOwner(at)
      await program.run(`insert into threads values ('!d:beeper.local', 'x', '{}', 0)`)
      await program.kill()
    })
    chmodSync(`${path}-wal`, 0o000)
    expect(inspectAsSomebody(path, tmp)).toEqual({ code: 'store_no_permission' })
  })
})
