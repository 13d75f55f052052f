/** Starts the program anew in the way in which it needs least memory and leaves the processors to the work. */

/** What V8 may keep for young objects, MiB: a job's data lies in buffers outside its heap. */
const youngHeap = '--max-semi-space-size=2'
/**
 * V8 keeps four threads for collecting garbage and compiling beside the program; where seal workers want every
 * processor they only get in the way (a tenth of a first backup's time on two). One remains.
 */
const oneHelper = '--v8-pool-size=1'

/**
 * On Linux glibc gives each thread that allocates an arena of its own and keeps what it once held: with the workers'
 * buffers of megabytes that is a third of the process's memory (docs/ARCHITECTURE.md, "Memory"). The variable that
 * bounds it, like the size of V8's young heap, is read when a process starts, so this one starts again in its own
 * place, with the same arguments, terminal and process number. A choice of the person's is left alone.
 */
export function inLittleMemory(): void {
  // execve is there since Node 22.15, not on Windows; without it the program only needs more memory.
  if (process.platform === 'win32' || typeof process.execve !== 'function') return
  if (
    process.execArgv.some((it) => it.startsWith('--max-semi-space-size')) ||
    process.env['MALLOC_ARENA_MAX'] !== undefined
  )
    return
  const env = { ...process.env, MALLOC_ARENA_MAX: '2' }
  process.execve(
    process.execPath,
    [process.execPath, youngHeap, oneHelper, ...process.execArgv, ...process.argv.slice(1)],
    env,
  )
}
