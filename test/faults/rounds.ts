/**
 * One round each of backup, forget and restore: the command is ended by a signal at a moment, and then all that must
 * hold is looked at: what was there before is whole, the next run succeeds with what has arrived, nothing is left over.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import type { PackId } from '../../main/core/archive/format/names.ts'
import type { Session } from '../../main/core/jobs/session.ts'
import type { Ended } from '../integration/command-line.ts'
import { type Digests, everySnapshot, hashesIn, orphans, verifyEverything } from './bystander.ts'
import { contentBelow } from './content-below.ts'
import type { Life } from './life.ts'

/** When a process is sent the signal: at a call (strike.ts), or so many ms after its start. */
export type Moment = { at: number; when: 'before' | 'after' } | { ms: number }
export type EndingSignal = 'SIGKILL' | 'SIGINT'

export const backupArgs = ['backup', 'phone/msgstore.db', 'archive']
export const forgetArgs = ['forget', 'archive', '--keep', 'last:2']
export const restoreArgs = ['restore', 'archive', 'restored']

/**
 * Runs a command and ends it. 'quicker' if it was; 'tidy' if it heard the signal and ended by itself; 'dead' if it
 * could not.
 */
async function struck(
  life: Life,
  args: readonly string[],
  moment: Moment,
  signal: EndingSignal,
): Promise<'quicker' | 'tidy' | 'dead'> {
  const { child, ended } = life.start(args, 'at' in moment ? { ...moment, signal } : undefined)
  const timer = 'ms' in moment ? setTimeout(() => child.kill(signal), moment.ms) : undefined
  const it = await ended
  clearTimeout(timer)
  // A process that does not yet listen for SIGINT is ended by it, as any program is.
  if (it.signal === signal) return 'dead'
  if (it.code !== 130) {
    succeeded(it)
    return 'quicker'
  }
  assert.partialDeepStrictEqual(it.json, { error: { code: 'cancelled' } })
  return 'tidy'
}

/** A day passes, its backup is ended, and made again. */
export async function backupRound(life: Life, moment: Moment, signal: EndingSignal = 'SIGKILL'): Promise<boolean> {
  life.day()
  const content = life.content()
  const ended = await struck(life, backupArgs, moment, signal)
  if (ended === 'tidy') assert.deepEqual(life.litter(), [], 'a cancelled backup left something behind')
  await life.look(async (session) => {
    await allSound(session)
    const found = await everySnapshot(session)
    const untold = [...found.keys()].filter((id) => !life.told.has(id))
    assert.ok(untold.length <= 1, 'more snapshots than backups')
    // It was ended between its commit and its last word.
    for (const id of untold) life.told.set(id, content)
    sameSnapshots(found, life.told)
  })
  const landed = life.packs()
  const next = succeeded(await life.run(backupArgs))
  life.told.set(String(next['snapshot']), content)
  const after = life.packs()
  for (const [pack, size] of landed) assert.equal(after.get(pack), size, `pack ${pack} did not stay`)
  await life.look(async (session) => {
    await allSound(session)
    sameSnapshots(await everySnapshot(session), life.told)
    await nothingTwice(
      session,
      landed.keys(),
      [...after.keys()].filter((pack) => !landed.has(pack)),
    )
  })
  assert.deepEqual(life.litter(), [], 'the next backup left something behind')
  return ended !== 'quicker'
}

/** Older backups are forgotten; that is ended, and done again. */
export async function forgetRound(life: Life, moment: Moment, signal: EndingSignal = 'SIGKILL'): Promise<boolean> {
  const ended = await struck(life, forgetArgs, moment, signal)
  const kept = new Map([...life.told].slice(-2))
  await life.look(async (session) => {
    await allSound(session)
    const found = await everySnapshot(session)
    for (const id of kept.keys()) assert.ok(found.has(id), `backup ${id} is gone although it was to be kept`)
    sameSnapshots(found, new Map([...life.told].filter(([id]) => found.has(id))))
  })
  await forgetOld(life)
  await tidy(life)
  return ended !== 'quicker'
}

/** A day passes and is backed up, undisturbed. */
export async function backUpDay(life: Life): Promise<void> {
  life.day()
  const { snapshot } = succeeded(await life.run(backupArgs))
  life.told.set(String(snapshot), life.content())
}

/** All but the newest two are forgotten, undisturbed. */
export async function forgetOld(life: Life): Promise<void> {
  succeeded(await life.run(forgetArgs))
  for (const id of [...life.told.keys()].slice(0, -2)) life.told.delete(id)
}

/** Everything that is held is as it was told, and there is not one object more. */
async function tidy(life: Life): Promise<void> {
  await life.look(async (session) => {
    await allSound(session)
    sameSnapshots(await everySnapshot(session), life.told)
    assert.deepEqual(await orphans(session), [], 'objects that nobody needs were left after a forget')
  })
  assert.deepEqual(life.litter(), [], 'a forget left something behind')
}

/** The newest backup is restored; that is ended, and done again. */
export async function restoreRound(life: Life, moment: Moment, signal: EndingSignal = 'SIGKILL'): Promise<boolean> {
  const before = contentBelow(life.at('archive'))
  const [newest] = [...life.told.values()].slice(-1)
  const ended = await struck(life, restoreArgs, moment, signal)
  const target = life.at('restored')
  if (ended === 'tidy') assert.ok(!existsSync(target), 'a cancelled restore left something behind')
  rightAsFarAsThere(target, newest)
  const again = await life.run(ended !== 'quicker' ? restoreArgs : [...restoreArgs, '--overwrite'])
  // It was ended while files took their names: what has its name already is in the way, and is whole.
  if (again.code === 2) succeeded(await life.run([...restoreArgs, '--overwrite']))
  else succeeded(again)
  assert.deepEqual(contentBelow(target), newest)
  assert.deepEqual(readdirSync(target).toSorted(), ['Media', 'msgstore.db'])
  assert.deepEqual(contentBelow(life.at('archive')), before, 'a restore changed the archive')
  rmSync(target, { recursive: true })
  return ended !== 'quicker'
}

function rightAsFarAsThere(target: string, newest: Digests | undefined): void {
  if (!existsSync(target)) return
  for (const [path, digest] of contentBelow(target))
    assert.equal(digest, newest?.get(path), `${path} is there and wrong`)
}

/** The result of a command that ended well, without a warning. */
export function succeeded({ code, signal, stdout, stderr }: Ended): Record<string, unknown> {
  assert.deepEqual([code, signal], [0, null], `${stdout}${stderr}`)
  // Every command's result is an object.
  return JSON.parse(stdout) as Record<string, unknown>
}

async function allSound(session: Session): Promise<void> {
  const { ok, faults, warnings } = await verifyEverything(session)
  assert.deepEqual({ ok, faults, warnings }, { ok: true, faults: [], warnings: [] })
}

function sameSnapshots(found: ReadonlyMap<string, Digests>, expected: ReadonlyMap<string, Digests>): void {
  assert.deepEqual([...found.keys()].toSorted(), [...expected.keys()].toSorted())
  for (const [id, digests] of expected) assert.deepEqual(found.get(id), digests, `backup ${id} is not what it was`)
}

/** No page and no piece that had arrived in whole packs was uploaded once more. */
async function nothingTwice(session: Session, landed: Iterable<PackId>, fresh: Iterable<PackId>): Promise<void> {
  const known = new Set<string>()
  for (const pack of landed) for (const hash of await hashesIn(session, pack)) known.add(hash)
  for (const pack of fresh)
    for (const hash of await hashesIn(session, pack))
      assert.ok(!known.has(hash), `${pack} holds what had arrived before`)
}
