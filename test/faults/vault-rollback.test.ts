/** An older database put in place of the newest, whole, at every moment: nobody gets a guess back. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { OpaquePool } from '../../vault/service/opaque-pool.ts'
import { login, type Owner, owner, readState, register } from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'
import { type Copy, parent, Thief } from './vault-thief-tools.ts'

let vault: TestVault
let thief: Thief
let who: Owner
let opaque: OpaquePool
/** Counts over all runs of the node. */
let evaluations: Map<string, number>
beforeAll(() => {
  opaque = new OpaquePool(1)
})
afterAll(() => opaque.close())

beforeEach(async () => {
  evaluations = new Map()
  vault = await openTestVault({ opaque, parent, evaluations })
  thief = new Thief(vault.folder)
  who = owner()
  await register(vault.send, who, { password: 'right' })
})
afterEach(async () => {
  await vault.close()
  removeVault(vault)
})

async function start(): Promise<void> {
  vault = await openTestVault({ folder: vault.folder, opaque, evaluations })
}

/** As a killed node: no checkpoint is written. */
async function kill(): Promise<void> {
  await vault.close()
}

async function guess(times: number): Promise<void> {
  for (let at = 1; at <= times; at++) await login(vault.send, who, `guess ${at}`)
}

async function expectNoStart(): Promise<void> {
  await expect(start().then(() => 'it started')).rejects.toThrow(/older|does not lead|stands where|gap|empty|another/)
}

const refused = { status: 503, refusal: { code: 'unavailable' } }

describe('an older copy of the database', () => {
  it('is refused at the start, and the newest serves on when it is back', async () => {
    await kill()
    const older = thief.copy()
    await start()
    await guess(3)
    await kill()
    const newest = thief.copy()
    thief.putBack(older, { how: 'over' })
    await expectNoStart()
    thief.putBack(newest, { how: 'over' })
    await start()
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 7 })
  })

  it('from before there was any record, or a fresh one, is refused as well', async () => {
    const empty = await openTestVault({ opaque, parent })
    const fresh = new Thief(empty.folder).copy()
    await empty.close()
    removeVault(empty)
    await kill()
    thief.putBack(fresh, { how: 'over' })
    await expectNoStart()
  })

  describe.each([1, 8])('put in under a running node after %i guesses', (used) => {
    it('as a new file is refused: nothing is evaluated, and the node does not start again', async () => {
      await kill()
      const older = thief.copy()
      await start()
      await guess(used)
      thief.putBack(older, { how: 'moved' })
      for (const password of ['a', 'right'])
        await expect(login(vault.send, who, password)).rejects.toMatchObject(refused)
      expect(evaluations.get(who.id)).toBe(used)
      await kill()
      await expectNoStart()
    })

    // SQLite has the newest pages in its write-ahead log, and may well write them over the thief's. Then nothing was
    // rolled back at all.
    it('over the bytes of the file is refused, or undone by the vault, which counts on', async () => {
      await kill()
      const older = thief.copy()
      await start()
      await guess(used)
      thief.putBack(older, { how: 'over' })
      const outcome = await login(vault.send, who, 'another guess').catch((error: unknown) => error)
      const evaluated = evaluations.get(who.id) ?? 0
      if (evaluated === used) expect(outcome).toMatchObject(refused)
      else expect(outcome).toMatchObject({ wrong: true, attemptsLeft: 10 - used - 1 })
      await kill()
      thief.putBack(older, { how: 'over' })
      await expectNoStart()
    })
  })

  it('made while the node was running, with its write-ahead log, is no better', async () => {
    await guess(2)
    const older = thief.copy()
    await guess(7)
    await kill()
    thief.putBack(older, { how: 'over' })
    await expectNoStart()
    expect(evaluations.get(who.id)).toBe(9)
  })
})

describe('guess nine times, kill the node, put the copy back, and again', () => {
  async function attack(before: () => Promise<void>, between: () => Promise<void>): Promise<void> {
    await before()
    await kill()
    const copy: Copy = thief.copy()
    await start()
    for (let round = 1; ; round++) {
      await guess(9)
      await between()
      await kill()
      thief.putBack(copy, { how: 'over' })
      const started = await start().then(
        () => true,
        () => false,
      )
      if (!started || round > 3) break
    }
    expect(evaluations.get(who.id)).toBe(9)
  }
  const nothing = (): Promise<void> => Promise.resolve()
  const checkpoint = (): Promise<void> => vault.node.checkpoint(1)

  it('ends at the first repeat', () => attack(nothing, nothing))
  it('ends there with a checkpoint before the copy', () => attack(checkpoint, nothing))
  it('ends there with a checkpoint after it', () => attack(nothing, checkpoint))
  it('ends there with one before and one after', () => attack(checkpoint, checkpoint))

  it('ends there when only the checkpoint is left as it was later', async () => {
    await kill()
    const copy = thief.copy()
    await start()
    await guess(9)
    await checkpoint()
    await kill()
    const tables = ['checkpoint', 'checkpoint_parts']
    const later = tables.map((table) => thief.sql(`SELECT * FROM ${table}`) as Record<string, unknown>[])
    thief.putBack(copy, { how: 'over' })
    for (const [at, rows] of later.entries())
      for (const row of rows) {
        const places = Object.keys(row).map(() => '?')
        thief.sql(`INSERT OR REPLACE INTO ${tables[at] ?? ''} VALUES (${places.join()})`, ...Object.values(row))
      }
    await expectNoStart()
    expect(evaluations.get(who.id)).toBe(9)
  })

  it('ends there when the success of its owner lies between: his refill does not come back', async () => {
    await guess(3)
    await login(vault.send, who, 'right')
    await kill()
    const copy = thief.copy()
    await start()
    await guess(9)
    await kill()
    thief.putBack(copy, { how: 'over' })
    await expectNoStart()
    expect(evaluations.get(who.id)).toBe(13)
  })

  // The limit of a vault on one machine with a software keystore (docs/OPERATING-A-VAULT.md): its anchor is a file.
  // With a token, or with other nodes to compare with, the anchor is not part of the image.
  it('goes on when the whole machine is put back, its anchor too, and the vault is alone and has no token', async () => {
    await kill()
    const copy = thief.copy()
    const file = join(vault.folder, 'one.anchor')
    const anchor = readFileSync(file)
    await start()
    const { counter } = await readState(vault.send, who)
    await guess(9)
    const memory = await readState(vault.send, who)
    await kill()
    thief.putBack(copy, { how: 'over' })
    writeFileSync(file, anchor)
    await start()
    const shown = await readState(vault.send, who)
    expect(shown).toMatchObject({ attemptsLeft: 10, counter })
    // What the owner’s app has kept does tell: counter and log have gone back.
    expect(memory.counter).toBeGreaterThan(shown.counter)
    expect(memory.logPlace).toBeGreaterThan(shown.logPlace)
  })
})
