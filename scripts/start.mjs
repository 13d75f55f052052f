/** Starts a program in our place: its streams are ours, signals reach it, its exit code becomes ours. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { performance } from 'node:perf_hooks'

/** npm passes on a signal that the whole group of processes got already: within this time it is the same one, ms. */
const sameSignalWithin = 500
/** How often to look whether whoever started us is still there, ms. */
const lookForParentEvery = 200

/**
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd: string, env: Record<string, string | undefined> }} options
 * @returns {Promise<number>} its exit code; 128 + n when signal n ended it, as shells say it
 */
export function start(program, args, { cwd, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: 'inherit' })
    /** @type {Map<NodeJS.Signals, number>} */
    const forwarded = new Map()
    /** @param {NodeJS.Signals} signal */
    const forward = (signal) => {
      // A terminal sends Ctrl-C to the child as well. Passing it on would make one key press look like two, and a
      // second one means “stop at once” to programs that are still tidying up.
      if (signal === 'SIGINT' && fromTerminal()) return
      const since = performance.now() - (forwarded.get(signal) ?? -Infinity)
      if (since < sameSignalWithin) return
      forwarded.set(signal, performance.now())
      child.kill(signal)
    }
    /** @type {NodeJS.Signals[]} */
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, forward)
    // Killed, npm passes nothing on, and neither does the shell that it starts some tasks with. An orphan must not go
    // on with what somebody wanted to end.
    const parent = process.ppid
    const look = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(look)
      child.kill('SIGTERM')
    }, lookForParentEvery)
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      clearInterval(look)
      for (const each of signals) process.off(each, forward)
      resolve(exitCode(code, signal))
    })
  })
}

/**
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 * @returns {number}
 */
export function exitCode(code, signal) {
  if (signal) return 128 + constants.signals[signal]
  return code ?? 1
}

function fromTerminal() {
  return process.platform === 'win32' || process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
}
