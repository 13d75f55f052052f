import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makePrivateFolder, removePrivateFolder, sweepPrivateCopies } from '../../../main/core/stores/private-folder.ts'
import { temporaryFolder } from '../../fixtures/temporary-folder.ts'

const bootedAt = new Date('2026-05-01T06:00:00Z')

function left(root: string, name: string, made: string): void {
  mkdirSync(join(root, name))
  writeFileSync(join(root, name, '0.db'), 'messages in the clear')
  utimesSync(join(root, name), new Date(made), new Date(made))
}

describe('private copies', () => {
  it('that a crashed run left are swept; those of running programs and other files stay', async () => {
    const root = temporaryFolder()
    left(root, 'store-111-0123456789ab', '2026-05-02T10:00:00Z') // its process is gone
    left(root, 'store-222-0123456789ab', '2026-05-02T10:00:00Z') // its process runs
    left(root, 'store-222-abcdef012345', '2026-04-30T10:00:00Z') // before the last start: the number is another's
    left(root, 'something else', '2020-01-01T10:00:00Z')
    const isAlive = (pid: number) => pid === 222
    expect(await sweepPrivateCopies(root, { isAlive, bootedAt })).toBe(2)
    expect(readdirSync(root).sort()).toEqual(['something else', 'store-222-0123456789ab'])
  })

  it('of this process are not swept while it runs', async () => {
    const root = join(temporaryFolder(), 'tmp')
    const folder = await makePrivateFolder(root)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(await sweepPrivateCopies(root)).toBe(0)
    expect(readdirSync(root)).toHaveLength(1)
    await removePrivateFolder(folder)
    await removePrivateFolder(folder)
    expect(readdirSync(root)).toEqual([])
  })

  it('are none where there is no folder yet', async () => {
    expect(await sweepPrivateCopies(join(temporaryFolder(), 'nothing'))).toBe(0)
  })
})
