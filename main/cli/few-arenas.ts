/** Linux only: keeps the C library from setting aside memory for every thread. */

/**
 * glibc gives each thread that allocates an arena of its own and keeps what it once held: with the workers' buffers
 * of megabytes that is a third of the process's memory (design: archive.md, "Workers and memory"). The variable that
 * bounds it is read when a process starts, so this one starts again in its own place, with the same arguments,
 * terminal and process number. A choice of the person's is left alone.
 */
export function underFewArenas(): void {
  if (process.platform !== 'linux' || process.env['MALLOC_ARENA_MAX'] !== undefined) return
  // Since Node 22.15; where it is missing, the program only needs more memory.
  if (typeof process.execve !== 'function') return
  const env = { ...process.env, MALLOC_ARENA_MAX: '2' }
  process.execve(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], env)
}
