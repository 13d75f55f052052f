/**
 * Loaded into a process before its program (`node --import strike.ts …`): sends it a signal at a moment that can be
 * told again, so that a test can go through all of them; or does something to its disk at that moment.
 *
 * A moment is a call that changes something on a disk: a file made, written, flushed, given its name, removed; a
 * transaction of a database. Calls are counted in the main thread, from 1; `before` strikes when nothing of the call is
 * done yet, `after` when all of it is. COFFER_STRIKE is a Strike as JSON. With `report` the process writes how many
 * calls it made, and their names, when it ends by itself.
 */
import fs from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

export interface Strike {
  /** SIGKILL, if neither `rename` nor `fill` is given. */
  signal?: 'SIGKILL' | 'SIGINT' | 'SIGSTOP'
  /** Takes a folder away. */
  rename?: { from: string; to: string }
  /** Writes a file of zeros until the disk is full. */
  fill?: string
  at?: number
  when?: 'before' | 'after'
  report?: string
}

type Call = (...args: unknown[]) => unknown

const made: string[] = []

function watch(holder: object, name: string, asked: Strike, changes: (args: unknown[]) => boolean): void {
  // Functions of Node and of better-sqlite3, taken as what they are: callable, and theirs to be replaced.
  const own = (holder as Record<string, Call>)[name]
  if (own === undefined) return
  const strike = (number: number, now: 'before' | 'after'): void => {
    if (number === asked.at && now === (asked.when ?? 'before')) act(asked)
  }
  const watched: Call = function (this: unknown, ...args) {
    if (!changes(args)) return own.apply(this, args)
    const number = made.push(name)
    strike(number, 'before')
    const result = own.apply(this, args)
    if (result instanceof Promise) return result.finally(() => strike(number, 'after'))
    strike(number, 'after')
    return result
  }
  // What hangs on a function (fs.open's promisified form, say) is not asked for by what is watched here.
  Object.defineProperty(holder, name, { value: watched, configurable: true, writable: true })
}

// Taken before they are watched.
const { renameSync, openSync, writeSync, closeSync } = fs

function act({ signal, rename, fill }: Strike): void {
  if (rename) renameSync(rename.from, rename.to)
  if (fill !== undefined) fillDisk(fill)
  if (signal !== undefined || (!rename && fill === undefined)) process.kill(process.pid, signal ?? 'SIGKILL')
}

function fillDisk(path: string): void {
  const fd = openSync(path, 'w')
  const zeros = Buffer.alloc(4096)
  try {
    for (;;) writeSync(fd, zeros)
  } catch {
    // Full.
  } finally {
    closeSync(fd)
  }
}

const always = () => true
const forWriting = ([, flags]: unknown[]) =>
  typeof flags === 'string' ? flags !== 'r' : typeof flags === 'number' && (flags & 3) !== 0
const changing = ['link', 'symlink', 'rename', 'unlink', 'mkdir', 'rm', 'rmdir', 'writeFile', 'copyFile', 'truncate']

async function watchAll(strike: Strike): Promise<void> {
  for (const name of changing) {
    watch(fs.promises, name, strike, always)
    watch(fs, `${name}Sync`, strike, always)
  }
  for (const name of ['writeSync', 'ftruncateSync', 'futimesSync']) watch(fs, name, strike, always)
  watch(fs.promises, 'open', strike, forWriting)
  watch(fs, 'openSync', strike, forWriting)
  const handle = await fs.promises.open(process.execPath)
  // The class itself is not exported.
  const handles: unknown = Object.getPrototypeOf(handle)
  await handle.close()
  if (typeof handles === 'object' && handles !== null)
    for (const name of ['write', 'writeFile', 'sync', 'datasync']) watch(handles, name, strike, always)
  syncBuiltinESMExports()
  watchTransactions(strike)
}

function watchTransactions(strike: Strike): void {
  const { prototype } = createRequire(import.meta.url)('better-sqlite3') as { prototype: Record<string, Call> }
  const { transaction } = prototype
  if (!transaction) return
  prototype['transaction'] = function (this: unknown, ...args) {
    const held = { commit: transaction.apply(this, args) as Call }
    watch(held, 'commit', strike, always)
    return held.commit
  }
}

const asked = process.env['COFFER_STRIKE']
if (isMainThread && asked !== undefined) {
  // Only tests set it, with exactly this.
  const strike = JSON.parse(asked) as Strike
  const { report } = strike
  await watchAll(strike)
  if (report !== undefined) process.on('exit', () => fs.writeFileSync(report, JSON.stringify(made)))
}
