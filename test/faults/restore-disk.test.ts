import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

/** Linux lets an ordinary user mount a memory disk in a namespace of its own, where that is not switched off. */
const canMount =
  process.platform === 'linux' && spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'coffer', '/mnt']).status === 0
if (!canMount) process.stderr.write('skipped: restores to full disks, since this system lets nobody mount one\n')

it.skipIf(!canMount)(
  'a disk without room, without names or that is read-only is named as such, and nothing half-restored stays',
  () => {
    const disk = mkdtempSync(join(tmpdir(), 'coffer-disk-'))
    try {
      const script = join(import.meta.dirname, 'restore-disk.ts')
      const output = execFileSync('unshare', ['-rm', process.execPath, script, disk], { encoding: 'utf8' })
      expect(JSON.parse(output)).toEqual({
        tooSmall: { code: 'local_full', left: [] },
        fillsUp: { code: 'local_full', left: ['ballast'] },
        readOnly: { code: 'target_failed', left: [] },
        fits: 40,
        noNames: { code: 'local_full', left: [] },
      })
    } finally {
      rmSync(disk, { recursive: true, force: true })
    }
  },
)
