/** Runs the programs the preparation needs. */
import { spawn } from 'node:child_process'
import { addHolder } from './lock.mjs'
import { exitCode } from '../start.mjs'

/**
 * Runs a program to its end. Its words go to standard error, or into `output` when `quiet`. A signal that ends us
 * ends it first, so that nothing goes on writing behind the back of the next preparation.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, quiet?: boolean }} [options]
 * @returns {Promise<{ code: number, output: string }>} 127 when there is no such program
 */
export function command(program, args, { cwd, env = process.env, quiet = false } = {}) {
  return new Promise((resolve) => {
    const pipe = quiet ? 'pipe' : 2
    // npm is a .cmd file on Windows, which only a shell can start; no argument here comes from outside.
    const shell = process.platform === 'win32' && !program.endsWith('.exe')
    const child = spawn(program, args, { cwd, env, shell, stdio: ['ignore', pipe, pipe] })
    if (child.pid !== undefined) addHolder(child.pid)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => (output += String(bytes)))
    /** @param {NodeJS.Signals} signal */
    const stop = (signal) => {
      child.kill(signal)
      process.exit(exitCode(null, signal))
    }
    /** @type {NodeJS.Signals[]} */
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, stop)
    /** @param {number} code */
    const done = (code) => {
      for (const signal of signals) process.off(signal, stop)
      resolve({ code, output })
    }
    child.on('error', () => done(127))
    child.on('close', (code, signal) => done(exitCode(code, signal)))
  })
}

/**
 * Runs npm with `node`: the one that called us when it can be told, else the one on the PATH. (The toolchain's Node
 * comes without npm.)
 * @param {string[]} args
 * @param {{ node: string, cwd?: string, env?: Record<string, string | undefined>, quiet?: boolean }} options
 */
export function npm(args, { node, ...options }) {
  // `npm run -s` would silence the reasons of a failure here too.
  const env = { ...(options.env ?? process.env), npm_config_loglevel: 'error' }
  const caller = process.env['npm_execpath'] ?? ''
  if (/npm-cli\.c?js$/.test(caller)) return command(node, [caller, ...args], { ...options, env })
  return command('npm', args, { ...options, env })
}
