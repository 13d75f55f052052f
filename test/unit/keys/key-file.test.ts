import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readKeyFile, writeKeyFile } from '../../../main/core/keys/key-file.ts'
import { holdSecret, withSecret } from '../../../main/core/keys/secret.ts'

const hex = '6f3a91c0d27e04b85a1de9f27c36b84013de8a95f06b2c71d4e8305f9b1a67c2'
const grouped = '6f3a 91c0 d27e 04b8 5a1d e9f2 7c36 b840 13de 8a95 f06b 2c71 d4e8 305f 9b1a 67c2'
const archive = '00ff'.repeat(8)
const key = () => holdSecret(Buffer.from(hex, 'hex'))
const posix = process.platform !== 'win32'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'key-'))
  path = join(folder, 'key.txt')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const digitsIn = async (file: string) => withSecret((await readKeyFile(file)).key, (bytes) => bytes.toString('hex'))

describe('writing a key file', () => {
  it('puts the digits in the first line and names the archive in the second', async () => {
    await writeKeyFile(path, key(), archive)
    const [first, second, ...rest] = readFileSync(path, 'utf8').split('\n')
    expect(first).toBe(grouped)
    expect(second).toMatch(/^# .*00ff/)
    expect(rest).toEqual([''])
  })

  it.runIf(posix)('makes it readable by its owner alone, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      await writeKeyFile(path, key(), archive)
    } finally {
      process.umask(before)
    }
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('never overwrites: not a file, not an empty one, not a folder', async () => {
    writeFileSync(path, '')
    const other = join(folder, 'folder')
    mkdirSync(other)
    await expect(writeKeyFile(path, key(), archive)).rejects.toMatchObject({
      code: 'key_file_exists',
      detail: { path },
    })
    await expect(writeKeyFile(other, key(), archive)).rejects.toMatchObject({ code: 'key_file_exists' })
    expect(readFileSync(path, 'utf8')).toBe('')
  })

  it.runIf(posix)('does not write through a link, even one that points nowhere', async () => {
    symlinkSync(join(folder, 'elsewhere'), path)
    await expect(writeKeyFile(path, key(), archive)).rejects.toMatchObject({ code: 'key_file_exists' })
    expect(readdirSync(folder)).toEqual(['key.txt'])
  })

  it('says so when the folder is not there', async () => {
    await expect(writeKeyFile(join(folder, 'no', 'key'), key(), archive)).rejects.toMatchObject({
      code: 'file_failed',
      detail: { reason: 'ENOENT' },
    })
  })
})

describe('reading a key file', () => {
  it('gives back what was written', async () => {
    await writeKeyFile(path, key(), archive)
    expect(await digitsIn(path)).toBe(hex)
  })

  it.each([
    ['only the digits', hex],
    ['capitals and Windows line breaks', `${grouped.toUpperCase().replaceAll(' ', '\r\n')}\r\n`],
    ['remarks and blank lines', `# mine\n\n  # and this: 1234\n\n${grouped}\n\n# end`],
    ['a byte order mark', `\ufeff${grouped}`],
    ['the text of a QR code', `COFFER1:${hex}:${archive}:deadbeef\n`],
  ])('accepts %s', async (_, content) => {
    writeFileSync(path, content)
    expect(await digitsIn(path)).toBe(hex)
  })

  it('accepts UTF-16 as Windows writes it', async () => {
    writeFileSync(path, Buffer.from(`\ufeff${grouped}\r\n`, 'utf16le'))
    expect(await digitsIn(path)).toBe(hex)
  })

  it.runIf(posix)('tells whether others on this computer can read it', async () => {
    writeFileSync(path, grouped)
    const modes = [0o600, 0o400, 0o640, 0o604, 0o644]
    const open = []
    for (const mode of modes) {
      chmodSync(path, mode)
      open.push((await readKeyFile(path)).openToOthers)
    }
    expect(open).toEqual([false, false, true, true, true])
  })

  it.runIf(posix)('reads from a pipe as well', async () => {
    execFileSync('mkfifo', ['-m', '644', path])
    const writer = spawn('sh', ['-c', `printf '%s' "$0" > "$1"`, grouped, path])
    const read = await readKeyFile(path)
    expect(withSecret(read.key, (bytes) => bytes.toString('hex'))).toBe(hex)
    expect(read.openToOthers).toBe(false)
    writer.kill()
  })

  it.each([
    ['nothing', '', { fault: 'length', digits: 0 }],
    ['half a key', grouped.slice(0, 39), { fault: 'length', digits: 32 }],
    ['two keys', `${grouped}\n${grouped}`, { fault: 'length', digits: 128 }],
    ['something else', 'hello', { fault: 'character', group: 1, position: 1 }],
    ['far too much', ' '.repeat(2_000_000), { fault: 'too_long' }],
  ])('refuses %s', async (_, content, detail) => {
    writeFileSync(path, content)
    await expect(readKeyFile(path)).rejects.toMatchObject({ code: 'key_malformed', detail })
  })

  it('says so when there is no such file, or it is a folder', async () => {
    await expect(readKeyFile(path)).rejects.toMatchObject({ code: 'file_failed', detail: { reason: 'ENOENT' } })
    await expect(readKeyFile(folder)).rejects.toMatchObject({ code: 'file_failed', detail: { reason: 'EISDIR' } })
  })
})
