import { expect, it } from 'vitest'
import { canMount, playOnDisk, tellIfSkipped } from './mount.ts'

tellIfSkipped('a vault’s disk that fills up')

it.skipIf(!canMount)('a vault whose disk is full refuses, keeps what it has, and goes on when there is room', () => {
  expect(playOnDisk('vault-disk.ts')).toEqual({
    some: true,
    refused: 'SQLite: SQLITE_FULL',
    nothingHalf: true,
    again: 'unavailable',
    goesOn: true,
  })
})
