/** restic, in a folder, with its defaults. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { run, versionOf } from './run-program.ts'
import type { Tool } from './tool.ts'

/** Undefined when it is not installed. */
export function findRestic(): Tool | undefined {
  const version = versionOf('restic', 'version')
  if (version === undefined) return undefined
  return {
    name: 'restic',
    version: version.split(' ').slice(0, 2).join(' '),
    async begin(store, folder) {
      const repository = join(folder, 'repository')
      mkdirSync(folder, { recursive: true })
      const env = {
        RESTIC_REPOSITORY: repository,
        RESTIC_PASSWORD: 'made up for the benchmark',
        RESTIC_CACHE_DIR: join(folder, 'cache'),
      }
      const call = (args: readonly string[], options: { watchMemory?: boolean } = {}) =>
        run('restic', ['--quiet', ...args], { ...options, env, cwd: store.folder })
      await call(['init'])
      return {
        repository,
        backup: (options) => call(['backup', store.folder], options),
        verify: (options) => call(['check', '--read-data'], options),
        async restore(target, options) {
          // It rebuilds the whole path below the target.
          return {
            ...(await call(['restore', 'latest', '--target', target], options)),
            restored: join(target, store.folder),
          }
        },
      }
    },
  }
}
