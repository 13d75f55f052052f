import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

/** Linux lets an ordinary user mount a memory disk in a namespace of its own, where that is not switched off. */
const canMount =
  process.platform === 'linux' && spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'coffer', '/mnt']).status === 0
if (!canMount) process.stderr.write('skipped: disks that fill up or vanish, since this system lets nobody mount one\n')

it.skipIf(!canMount)(
  'a disk that fills up, turns read-only or vanishes is named as such, and nothing half-written stays',
  () => {
    const disk = mkdtempSync(join(tmpdir(), 'coffer-disk-'))
    try {
      const output = execFileSync(
        'unshare',
        ['-rm', process.execPath, join(import.meta.dirname, 'small-disk.ts'), disk],
        { encoding: 'utf8' },
      )
      const unmounted = { code: 'destination_unreachable', reason: 'unmounted' }
      expect(JSON.parse(output)).toEqual({
        fits: 'fine',
        full: { code: 'destination_full', object: 'packs/a2', reason: 'ENOSPC' },
        afterFull: { seen: ['a1'], a1: 1 << 20 },
        fitsAgain: 'fine',
        readOnly: {
          put: { code: 'destination_read_only', object: 'packs/a4', reason: 'EROFS' },
          delete: { code: 'destination_read_only', object: 'packs/a1', reason: 'EROFS' },
          get: 1 << 20,
        },
        clockWhenReadOnly: true,
        listed: ['packs/a1', 'packs/a3'],
        gone: {
          list: { ...unmounted, object: 'packs' },
          get: { ...unmounted, object: 'packs/a1' },
          put: { ...unmounted, object: 'packs' },
          delete: { ...unmounted, object: 'packs/a1' },
        },
        leftInMountPoint: [],
      })
    } finally {
      rmSync(disk, { recursive: true, force: true })
    }
  },
)
