import { expect, it } from 'vitest'
import type { Progress } from '../../../main/core/jobs/progress.ts'
import { SealProgress } from '../../../main/core/jobs/seal-progress.ts'

const source = { pageSize: 4096, pageCount: 10, fd: -1 }

it('the total grows with the media that is found to be new, and is left out where there was more than expected', () => {
  const told: Progress[] = []
  const progress = new SealProgress({ databases: [{ path: 'a.db', source }] }, (it) => void told.push(it))
  progress.did(4096)
  progress.expect(1000)
  progress.did(9 * 4096 + 1000, 'photo.jpg')
  progress.did(1)
  expect(told).toEqual([
    { phase: 'seal', done: 4096, total: 40_960, item: '' },
    { phase: 'seal', done: 41_960, total: 41_960, item: 'photo.jpg' },
    { phase: 'seal', done: 41_961, total: 0, item: '' },
  ])
})
