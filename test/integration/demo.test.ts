import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compareFolders } from '../demo/same-files.ts'
import { show } from '../demo/show.ts'
import { BadEnding } from '../demo/story.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-demo-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the demonstration', () => {
  it('brings everything back, says so in plain lines, and leaves nothing behind', () => {
    const demo = join(import.meta.dirname, '..', 'demo', 'demo.ts')
    const { status, stdout, stderr } = spawnSync(process.execPath, [demo], {
      encoding: 'utf8',
      // No keychain, no home, no key: it must need none of them.
      env: { PATH: process.env['PATH'] ?? '', TMPDIR: folder, MALLOC_ARENA_MAX: '2' },
    })
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    const lines = stdout.split('\n').filter((line) => line !== '')
    expect(lines.at(-1)).toBe('  Every message came back, byte for byte.')
    expect(lines.length).toBe(13)
    // For any terminal: no colours in a pipe, nothing that wraps.
    expect(lines.filter((line) => line.length > 86 || /\p{Cc}/u.test(line))).toEqual([])
    expect(stdout).toMatch(/First backup +\d+(\.\d+)? MB, sealed/)
    expect(stdout).toMatch(/Compared +306 files/)
    expect(readdirSync(folder)).toEqual([])
  }, 120_000)

  it('ends with 1 and a clear line when something did not come back, and still tidies up', async () => {
    let text = ''
    const exit = await show({
      tmp: folder,
      styled: false,
      write: (more) => (text += more),
      story: async function* (place) {
        writeFileSync(join(place, 'something'), '')
        yield { title: 'A store', text: 'was there' }
        throw new BadEnding('Not everything came back as it was.')
      },
    })
    expect(exit).toBe(1)
    expect(text).toMatch(/\n {2}Not everything came back as it was\.\n\n$/)
    expect(text).not.toMatch(/Every message/)
    expect(readdirSync(folder)).toEqual([])
  })

  it('notices one changed bit, a missing file and one too many', () => {
    const [before, after] = [join(folder, 'before'), join(folder, 'after')]
    mkdirSync(join(before, 'Media'), { recursive: true })
    writeFileSync(join(before, 'msgstore.db'), Buffer.alloc(9000, 1))
    writeFileSync(join(before, 'Media', 'a.jpg'), 'a')
    cpSync(before, after, { recursive: true })
    expect(compareFolders(before, after)).toEqual({ files: 2, bytes: 9001, differences: [] })

    const flipped = readFileSync(join(after, 'msgstore.db'))
    flipped.writeUInt8(flipped.readUInt8(8999) ^ 1, 8999)
    writeFileSync(join(after, 'msgstore.db'), flipped)
    rmSync(join(after, 'Media', 'a.jpg'))
    writeFileSync(join(after, 'Media', 'b.jpg'), 'a')
    expect(compareFolders(before, after).differences.sort()).toEqual([
      'Media/a.jpg is missing.',
      'Media/b.jpg should not be there.',
      'msgstore.db is not the same.',
    ])
  })
})
