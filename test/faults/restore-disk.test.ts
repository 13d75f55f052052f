import { expect, it } from 'vitest'
import { canMount, playOnDisk, tellIfSkipped } from './mount.ts'

tellIfSkipped('restores to full disks')

it.skipIf(!canMount)(
  'a disk without room, without names or that is read-only is named as such, and nothing half-restored stays',
  () => {
    expect(playOnDisk('restore-disk.ts')).toEqual({
      tooSmall: { code: 'local_full', left: [] },
      fillsUp: { code: 'local_full', left: ['ballast'] },
      readOnly: { code: 'target_failed', left: [] },
      fits: 40,
      noNames: { code: 'local_full', left: [] },
    })
  },
)
