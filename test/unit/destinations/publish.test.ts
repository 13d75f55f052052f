import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { publish } from '../../../main/core/destinations/folder-publish.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coffer-publish-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const answering = (code: string) => (): Promise<void> =>
  Promise.reject(Object.assign(new Error(code), { code, syscall: 'link' }))

describe('publishing where the file system has no hard links', () => {
  for (const code of ['EPERM', 'ENOTSUP', 'ENOSYS', 'EISDIR']) {
    it(`still gives the file its name when link answers ${code}, and says that it was not exclusive`, async () => {
      writeFileSync(join(root, 'part'), 'new')
      expect(await publish(join(root, 'part'), join(root, 'name'), answering(code))).toEqual({ linked: false })
      expect(readdirSync(root)).toEqual(['name'])
      expect(readFileSync(join(root, 'name'), 'utf8')).toBe('new')
    })
  }

  it('refuses a name that is taken and keeps what is there', async () => {
    writeFileSync(join(root, 'part'), 'new')
    writeFileSync(join(root, 'name'), 'old')
    await expect(publish(join(root, 'part'), join(root, 'name'), answering('EPERM'))).rejects.toMatchObject({
      code: 'EEXIST',
    })
    expect(readFileSync(join(root, 'name'), 'utf8')).toBe('old')
  })

  it('does not mistake a full or broken disk for one without links', async () => {
    for (const code of ['ENOSPC', 'EIO', 'EDQUOT', 'EROFS']) {
      writeFileSync(join(root, 'part'), 'new')
      await expect(publish(join(root, 'part'), join(root, 'name'), answering(code))).rejects.toMatchObject({ code })
      expect(readdirSync(root)).toEqual(['part'])
    }
  })
})
