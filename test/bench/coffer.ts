/** Coffer, through its command line as it is installed. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/bootstrap/places.mjs'
import { run } from './run-program.ts'
import type { Tool } from './tool.ts'

const bin = join(root, 'dist', 'coffer.js')

export const coffer: Tool = {
  name: 'coffer',
  version: 'Coffer',
  async begin(store, folder) {
    const archive = join(folder, 'archive')
    const keyFile = join(folder, 'key.txt')
    const home = join(folder, 'home')
    mkdirSync(folder, { recursive: true })
    const call = (args: readonly string[], options: { watchMemory?: boolean; home?: string } = {}) =>
      run(process.execPath, [bin, ...args, '--json'], {
        env: { COFFER_HOME: options.home ?? home },
        watchMemory: options.watchMemory ?? false,
      })
    await call(['init', archive, '--key-out', keyFile, '--no-keychain'])
    let computers = 0
    return {
      repository: archive,
      backup: (options) => call(['backup', store.database, archive, '--key-file', keyFile], options),
      verify: (options) => call(['verify', archive, '--read', '--key-file', keyFile], options),
      async restore(target, options) {
        // Each on a computer that has never seen the archive.
        computers++
        const unchecked = options?.withoutCheck === true ? ['--no-check'] : []
        const stranger = { ...options, home: join(folder, `computer-${computers}`) }
        return {
          ...(await call(['restore', archive, target, '--key-file', keyFile, ...unchecked], stranger)),
          restored: target,
        }
      },
    }
  },
}

/** `coffer snapshots`, from the folder alone or with what this computer remembers; for how long a list takes. */
export async function listSnapshots(
  folder: string,
  { home }: { home: string },
): Promise<{ seconds: number; count: number }> {
  const args = ['snapshots', join(folder, 'archive'), '--key-file', join(folder, 'key.txt'), '--json']
  const { seconds, stdout } = await run(process.execPath, [bin, ...args], { env: { COFFER_HOME: join(folder, home) } })
  // The documented result of the command.
  const { snapshots } = JSON.parse(stdout) as { snapshots: unknown[] }
  return { seconds, count: snapshots.length }
}
