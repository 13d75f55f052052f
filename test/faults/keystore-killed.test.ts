/**
 * A software keystore whose process is killed before and after each call that changes the disk: nothing is lost, and
 * the next one tidies up. What a power cut does to bytes that were not flushed is not shown here: for that there is
 * the order of the flushes, argued where they are made.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { KeystoreWrong } from '../../vault/keystore/keystore.ts'
import { createKeystore, openKeystore } from '../../vault/keystore/open-keystore.ts'
import type { Strike } from './strike.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coffer-keystore-killed-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const place = (folder: string) => ({ kind: 'software' as const, file: join(folder, 'keys'), anchorFolder: folder })
const bound = Buffer.from('bound')
/** Two epochs, and an anchor at place 10. */
const model = join(scratch, 'model')
const sealed = new Map<number, Uint8Array>()

beforeAll(async () => {
  mkdirSync(model)
  const keys = await createKeystore(place(model), 'a')
  await keys.addEpoch()
  for (const epoch of [1, 2]) sealed.set(epoch, await keys.seal(epoch, Buffer.from(`under ${epoch}`), bound))
  await keys.writeAnchor({ place: 10, hash: Buffer.alloc(32, 10) })
  await keys.close()
})

function run(folder: string, job: string, strike: Strike) {
  return spawnSync(process.execPath, ['--import', path('strike.ts'), path('keystore-subject.ts'), folder, job], {
    env: { ...process.env, COFFER_STRIKE: JSON.stringify(strike) },
    encoding: 'utf8',
  })
}

/** A copy of the model; the key file has a second name in another folder, which shows what becomes of its bytes. */
function prepare(job: string): { folder: string; watched: string } {
  const folder = mkdtempSync(join(scratch, 'run-'))
  const watched = `${folder}-watched`
  if (job !== 'create') {
    cpSync(model, folder, { recursive: true })
    linkSync(join(folder, 'keys'), watched)
  }
  return { folder, watched }
}

/** Every moment at which the job can be killed, and what it had said until then. */
async function atEveryMoment(
  job: string,
  check: (folder: string, said: string, watched: string) => Promise<string>,
): Promise<Set<string>> {
  const report = join(scratch, `${job}.json`)
  const whole = prepare(job)
  const { status, stderr, stdout } = run(whole.folder, job, { report })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const outcomes = new Set([await check(whole.folder, stdout, whole.watched)])
  // Only strike.ts writes it, as this.
  const calls = JSON.parse(readFileSync(report, 'utf8')) as string[]
  expect(calls.length, calls.join()).toBeGreaterThan(4)
  for (let at = 1; at <= calls.length; at++)
    for (const when of ['before', 'after'] as const) {
      const { folder, watched } = prepare(job)
      const killed = run(folder, job, { at, when })
      expect(killed.signal, `${job}, ${when} ${calls[at - 1]} (${at})`).toBe('SIGKILL')
      try {
        outcomes.add(await check(folder, killed.stdout, watched))
      } catch (error) {
        throw new Error(`${job}, killed ${when} call ${at} of ${calls.join()}`, { cause: error })
      }
    }
  return outcomes
}

const tidy = ['a.anchor', 'keys']

it('a vault’s keys are made whole or not at all', { timeout: 300_000 }, async () => {
  const outcomes = await atEveryMoment('create', async (folder) => {
    let outcome = 'made'
    const keys = await openKeystore(place(folder), 'a').catch((error: unknown) => {
      if (!(error instanceof KeystoreWrong)) throw error
      outcome = 'none'
      return createKeystore(place(folder), 'a')
    })
    expect(await keys.epochs()).toEqual([1])
    await keys.close()
    expect(readdirSync(folder).sort()).toEqual(tidy)
    return outcome
  })
  expect(outcomes).toEqual(new Set(['none', 'made']))
})

it('an epoch is added or not, and no other key is lost', { timeout: 300_000 }, async () => {
  const outcomes = await atEveryMoment('add', async (folder) => {
    const keys = await openKeystore(place(folder), 'a')
    const epochs = await keys.epochs()
    for (const epoch of [1, 2])
      expect(Buffer.from(await keys.open(epoch, sealed.get(epoch) ?? bound, bound)).toString()).toBe(`under ${epoch}`)
    expect(await keys.addEpoch()).toBe(epochs.length + 1)
    expect(readdirSync(folder).sort()).toEqual(tidy)
    expect((await keys.readAnchor())?.place).toBe(10)
    await keys.close()
    return epochs.join()
  })
  expect(outcomes).toEqual(new Set(['1,2', '1,2,3']))
})

it('an epoch is destroyed or not; once it is, its key lies nowhere in the old file', { timeout: 300_000 }, async () => {
  const outcomes = await atEveryMoment('destroy', async (folder, _, watched) => {
    const keys = await openKeystore(place(folder), 'a')
    const epochs = await keys.epochs()
    expect(Buffer.from(await keys.open(2, sealed.get(2) ?? bound, bound)).toString()).toBe('under 2')
    const old = readFileSync(watched)
    expect(old.equals(Buffer.alloc(old.length)), epochs.join()).toBe(epochs.length === 1)
    await keys.destroyEpoch(1)
    expect(readFileSync(watched)).toEqual(Buffer.alloc(old.length))
    expect(await keys.epochs()).toEqual([2])
    expect(readdirSync(folder).sort()).toEqual(tidy)
    await keys.close()
    return epochs.join()
  })
  expect(outcomes).toEqual(new Set(['1,2', '2']))
})

it('the anchor is the last one told, or the one being written', { timeout: 300_000 }, async () => {
  const outcomes = await atEveryMoment('anchor', async (folder, said) => {
    const told = Math.max(10, ...said.split('\n').map(Number))
    const keys = await openKeystore(place(folder), 'a')
    const anchor = await keys.readAnchor()
    expect([told, told + 1]).toContain(anchor?.place)
    expect(anchor?.hash).toEqual(Buffer.alloc(32, anchor?.place))
    await keys.writeAnchor({ place: 20, hash: Buffer.alloc(32, 20) })
    expect((await keys.readAnchor())?.place).toBe(20)
    await keys.close()
    return String(anchor?.place)
  })
  expect(outcomes).toEqual(new Set(['10', '11', '12', '13', '14']))
})
