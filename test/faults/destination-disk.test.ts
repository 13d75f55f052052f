import { expect, it } from 'vitest'
import { canMount, playOnDisk, tellIfSkipped } from './mount.ts'

tellIfSkipped('disks that fill up or vanish')

it.skipIf(!canMount)(
  'a disk that fills up, turns read-only or vanishes is named as such, and nothing half-written stays',
  () => {
    const unmounted = { code: 'destination_unreachable', reason: 'unmounted' }
    expect(playOnDisk('small-disk.ts')).toEqual({
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
  },
)
