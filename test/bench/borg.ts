/** borg, in a folder, with its own encryption and its defaults otherwise. */
import { mkdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { run, versionOf } from './run-program.ts'
import type { Tool } from './tool.ts'

/** Undefined when it is not installed. */
export function findBorg(): Tool | undefined {
  const version = versionOf('borg', '--version')
  if (version === undefined) return undefined
  return {
    name: 'borg',
    version,
    async begin(store, folder) {
      const repository = join(folder, 'repository')
      mkdirSync(folder, { recursive: true })
      const env = {
        BORG_REPO: repository,
        BORG_PASSPHRASE: 'made up for the benchmark',
        // Configuration, cache and keys: nothing of the person's.
        BORG_BASE_DIR: join(folder, 'base'),
        // The repository is a folder here: no remote shell may be tried.
        BORG_RSH: 'false',
      }
      const above = dirname(store.folder)
      const call = (args: readonly string[], options: { watchMemory?: boolean; cwd?: string } = {}) =>
        run('borg', args, { watchMemory: options.watchMemory ?? false, env, cwd: options.cwd ?? above })
      await call(['init', '--encryption', 'repokey-blake2'])
      let snapshots = 0
      return {
        repository,
        backup: (options) => {
          snapshots++
          return call(['create', `::${snapshots}`, basename(store.folder)], options)
        },
        verify: (options) => call(['check', '--verify-data'], options),
        async restore(target, options) {
          mkdirSync(target)
          const done = await call(['extract', `::${snapshots}`], { ...options, cwd: target })
          return { ...done, restored: join(target, basename(store.folder)) }
        },
      }
    },
  }
}
