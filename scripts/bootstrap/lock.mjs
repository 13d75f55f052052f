/**
 * One preparation at a time. A lock is a file that names the processes that work under it; it is free when it is
 * absent, when none of them lives any more (they were killed), or when it is so old that the numbers must belong
 * to other processes by now.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { say } from './say.mjs'

const beatMs = 10_000
const deadAfterMs = 5 * 60_000
const lookAgainMs = 100

/** @type {{ path: string, pids: number[] } | undefined} the lock this process holds */
let held

/**
 * Runs `work` while holding the lock at `path`, after waiting for it as long as it takes.
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, work) {
  mkdirSync(dirname(path), { recursive: true })
  for (let looks = 0; !take(path); looks++) {
    // The first look may have cleared away a dead one's lock.
    if (looks === 1) say('Another Coffer is getting this checkout ready; waiting for it …')
    if (looks > 0) await new Promise((resolve) => setTimeout(resolve, lookAgainMs))
  }
  held = { path, pids: [process.pid] }
  const beat = setInterval(() => utimesSync(path, new Date(), new Date()), beatMs)
  try {
    return await work()
  } finally {
    clearInterval(beat)
    held = undefined
    rmSync(path, { force: true })
  }
}

/**
 * Counts a process started by the holder as a holder too. If we are killed while npm still runs, the lock stays
 * taken until npm is done.
 * @param {number} pid
 */
export function addHolder(pid) {
  if (!held) return
  held.pids.push(pid)
  // Renamed into place: a half-written list would look like nobody's lock.
  const next = `${held.path}.${process.pid}`
  writeFileSync(next, held.pids.join('\n'))
  renameSync(next, held.path)
}

/**
 * @param {string} path
 * @returns {boolean} whether the lock is ours now
 */
export function take(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  if (isAbandoned(path)) clear(path)
  return false
}

/**
 * Removes an abandoned lock. Only one process may, and only after looking again: otherwise a second one, having
 * looked earlier, would remove the lock that the first has meanwhile taken.
 * @param {string} path
 */
function clear(path) {
  const clearing = `${path}.clearing`
  try {
    mkdirSync(clearing)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    // Whoever made it is about to remove it, unless it was killed in those few instructions.
    if (ageMs(clearing) > beatMs) rmSync(clearing, { recursive: true, force: true })
    return
  }
  if (isAbandoned(path)) rmSync(path, { force: true })
  rmSync(clearing, { recursive: true, force: true })
}

/** @param {string} path */
function isAbandoned(path) {
  let pids
  try {
    pids = readFileSync(path, 'utf8').split('\n').filter(Boolean).map(Number)
  } catch {
    return false
  }
  const age = ageMs(path)
  // Created but not yet written, for a moment; or for ever, if its maker was killed in that moment.
  if (pids.length === 0) return age > beatMs
  return age > deadAfterMs || !pids.some(isAlive)
}

/** @param {string} path */
function ageMs(path) {
  const found = statSync(path, { throwIfNoEntry: false })
  return found ? Date.now() - found.mtimeMs : 0
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Somebody else's process is alive too.
    return codeOf(error) === 'EPERM'
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
