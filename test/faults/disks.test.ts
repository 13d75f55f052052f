import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'
import { canMount, tellIfSkipped } from './mount.ts'

const script = join(import.meta.dirname, 'disk-scenes.ts')

tellIfSkipped('the command line on full disks')

const scenes = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8' })) as string[]

describe.skipIf(!canMount)('the command line says what is wrong, loses nothing and leaves nothing behind when', () => {
  it.each(scenes)('%s', { timeout: 600_000 }, async (scene) => {
    await promisify(execFile)('unshare', ['-rm', process.execPath, script, scene])
  })
})
