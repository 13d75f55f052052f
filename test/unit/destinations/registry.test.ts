import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CofferError } from '../../../contract/errors.ts'
import { createDestination, openDestination } from '../../../main/core/destinations/registry.ts'
import { bytesOf, codeOf, failureOf } from './looking.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coffer-registry-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

describe('what a person writes for a place', () => {
  it('is a folder from where the person stands, an absolute path or a file address', () => {
    expect(openDestination('backups', root).label).toBe(join(root, 'backups'))
    expect(openDestination(join(root, 'x'), '/elsewhere').label).toBe(join(root, 'x'))
    expect(openDestination(pathToFileURL(join(root, 'a b')).href, '/').label).toBe(join(root, 'a b'))
    expect(openDestination('what:is this', root).label).toBe(join(root, 'what:is this'))
  })

  it('is refused in plain words when it names a kind that is not there yet, or none', () => {
    for (const where of [
      'webdav+https://cloud.example/dav',
      'webdav://x',
      's3://bucket/x',
      'gdrive:Backups',
      'https://example.org/',
      '',
    ]) {
      expect(() => openDestination(where, root), where).toThrow(CofferError)
      expect(() => openDestination(where, root), where).toThrow(/^usage/)
    }
  })

  it('does not make the folder by being opened or read', async () => {
    expect(await codeOf(openDestination('absent', root).get('coffer.json'))).toBe('destination_unreachable')
    expect(existsSync(join(root, 'absent'))).toBe(false)
  })
})

describe('a place for a new archive', () => {
  it('is made, with the folders above it, and can be undone while it is empty', async () => {
    const { destination, undo } = await createDestination('a/b', root)
    expect(destination.label).toBe(join(root, 'a/b'))
    await undo()
    expect(existsSync(join(root, 'a/b'))).toBe(false)
    const again = await createDestination('a/b', root)
    await again.destination.put('packs/a1', bytesOf(1, 1))
    await again.undo()
    expect(readdirSync(join(root, 'a/b'))).toEqual(['packs'])
  })

  it('may hold what systems leave everywhere, and undoing does not remove a folder that was there before', async () => {
    mkdirSync(join(root, 'here'))
    for (const leftover of ['.DS_Store', 'desktop.ini']) writeFileSync(join(root, 'here', leftover), '')
    const { undo } = await createDestination('here', root)
    await undo()
    expect(readdirSync(join(root, 'here'))).toHaveLength(2)
  })

  it('is refused when there is an archive, other files, or a file of that name', async () => {
    mkdirSync(join(root, 'full'))
    writeFileSync(join(root, 'full', 'thesis.doc'), '')
    expect(await failureOf(createDestination('full', root))).toMatchObject({
      code: 'not_empty',
      detail: { found: 'thesis.doc' },
    })
    writeFileSync(join(root, 'full', 'coffer.json'), '')
    expect(await codeOf(createDestination('full', root))).toBe('archive_exists')
    expect(await codeOf(createDestination('full/thesis.doc', root))).toBe('not_empty')
    expect(await codeOf(createDestination('full/thesis.doc/x', root))).toBe('destination_unreachable')
  })
})
