import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'

const script = join(import.meta.dirname, 'disk-scenes.ts')

/** Linux lets an ordinary user mount a memory disk in a namespace of its own, where that is not switched off. */
const canMount =
  process.platform === 'linux' && spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'coffer', '/mnt']).status === 0
if (!canMount)
  process.stderr.write('skipped: the command line on full disks, since this system lets nobody mount one\n')

const scenes = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8' })) as string[]

describe.skipIf(!canMount)('the command line says what is wrong, loses nothing and leaves nothing behind when', () => {
  it.each(scenes)('%s', { timeout: 600_000 }, async (scene) => {
    await promisify(execFile)('unshare', ['-rm', process.execPath, script, scene])
  })
})
