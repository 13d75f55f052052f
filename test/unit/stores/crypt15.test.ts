import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CofferError, describe as wordsFor } from '../../../contract/errors.ts'
import { holdSecret } from '../../../main/core/keys/secret.ts'
import { readKey } from '../../../main/core/keys/sixty-four-digits.ts'
import { unlockCrypt15, type UnlockCrypt15 } from '../../../main/core/stores/crypt15.ts'
import { readCrypt15KeyFile } from '../../../main/core/stores/crypt15-key.ts'
import {
  bytesField,
  makeCrypt15,
  numberField,
  tinyContent,
  tinyDatabase,
  withMd5,
} from '../../fixtures/make-crypt15.ts'
import { fixture } from './fixtures.ts'

const digits = '6730a595a1484d0c39c101dc0ac82ec5e401bb6f0e1b8ee2dc104a6b3687f017'
const real = fixture('whatsapp-crypt15', 'msgstore.db.crypt15')
const realKey = fixture('whatsapp-crypt15', 'encrypted_backup.key')
const root = createHash('sha256').update('a root key').digest()

let folder: string
let file: string
let out: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crypt15-'))
  file = join(folder, 'in.crypt15')
  mkdirSync(join(folder, 'out'))
  out = join(folder, 'out', 'msgstore.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const keyOf = (bytes: Buffer) => holdSecret(Buffer.from(bytes))
const unlock = (more: Partial<UnlockCrypt15> = {}) => unlockCrypt15({ file, key: keyOf(root), out, ...more })

/** The code that unlocking these bytes gives; whatever it is, nothing may be left behind. */
async function codeFor(bytes: Buffer, more: Partial<UnlockCrypt15> = {}): Promise<string> {
  writeFileSync(file, bytes)
  try {
    await unlock(more)
  } catch (error) {
    if (!(error instanceof CofferError)) throw error
    expect(readdirSync(join(folder, 'out'))).toEqual([])
    return error.code
  }
  rmSync(out)
  return 'done'
}

const flipped = (bytes: Buffer, at: number, mask: number) => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ mask
  return copy
}

describe.runIf(real !== undefined && realKey !== undefined)('a real msgstore.db.crypt15', () => {
  const source = () => readFileSync(real ?? '')

  it('becomes exactly its database, with the 64 digits', async () => {
    await unlockCrypt15({ file: real ?? '', key: readKey(digits).key, out })
    expect(createHash('sha256').update(readFileSync(out)).digest('hex')).toBe(
      '1425b944a2e3885fc936a7bb82f6548c5cc09523a2f61f02aa836c4ed8bbd16e',
    )
    expect(readdirSync(join(folder, 'out'))).toEqual(['msgstore.db'])
    if (process.platform !== 'win32') expect(statSync(out).mode & 0o777).toBe(0o600)
  })

  it('becomes exactly its database, with encrypted_backup.key', async () => {
    const { bytes } = await unlockCrypt15({ file: real ?? '', key: await readCrypt15KeyFile(realKey ?? ''), out })
    expect(readFileSync(out).equals(readFileSync(fixture('whatsapp-crypt15', 'msgstore.db') ?? ''))).toBe(true)
    expect(bytes).toBe(statSync(out).size)
  })

  it('is refused with another key, however close, and nothing is left behind', async () => {
    for (const bit of [0, 100, 255]) {
      const wrong = flipped(Buffer.from(digits, 'hex'), bit >> 3, 1 << (bit & 7))
      expect(await codeFor(source(), { key: keyOf(wrong) })).toBe('wrong_key')
    }
    expect(wordsFor('wrong_key').exit).toBe(3)
  })

  it('is refused as damaged when a byte of it is flipped: each of the head, the seal and the checksum, many between', async () => {
    const bytes = source()
    const key = () => keyOf(Buffer.from(digits, 'hex'))
    const middle = Array.from({ length: 60 }, (_, i) => 140 + Math.floor(((bytes.length - 200) * i) / 60))
    const ends = Array.from({ length: 36 }, (_, i) => bytes.length - 1 - i)
    for (const at of [...Array(140).keys(), ...middle, ...ends])
      expect(await codeFor(flipped(bytes, at, 1 << (at % 8)), { key: key() }), `byte ${at}`).toBe('crypt15_damaged')
  })
})

describe('any byte of a crypt15 file', () => {
  const bytes = makeCrypt15({ root, content: tinyContent })

  it('cannot be altered without being noticed', async () => {
    expect(await codeFor(bytes)).toBe('done')
    for (let at = 0; at < bytes.length; at++)
      for (const mask of [0x01, 0x08, 0x80, 0xff])
        expect(await codeFor(flipped(bytes, at, mask)), `byte ${at} ^ ${mask}`).toBe('crypt15_damaged')
  })

  it('of the length, the mark and the first field can take no other value at all', async () => {
    for (let at = 0; at < 3; at++)
      for (let mask = 1; mask < 256; mask++)
        expect(await codeFor(flipped(bytes, at, mask)), `byte ${at} ^ ${mask}`).toBe('crypt15_damaged')
  })

  it('cannot be cut off, and none can be added', async () => {
    for (let length = 0; length < bytes.length; length++)
      expect(await codeFor(bytes.subarray(0, length)), `${length} bytes`).toBe('crypt15_damaged')
    expect(await codeFor(Buffer.concat([bytes, Buffer.of(0)]))).toBe('crypt15_damaged')
  })

  it('cannot be altered by someone who makes the checksum fit again', async () => {
    const body = bytes.length - 16
    for (let at = bytes.length - 16 - 16 - tinyContent.length + 2; at < body; at++)
      expect(await codeFor(withMd5(flipped(bytes.subarray(0, body), at, 1))), `byte ${at}`).toBe('crypt15_damaged')
  })
})

describe('crypt15 files of other shapes', () => {
  const iv = Buffer.alloc(16, 0x33)
  const cipherField = bytesField(3, bytesField(1, iv))

  it.each([
    ['no mark (other databases)', { marked: false }],
    ['no mark and no checksum', { marked: false, md5: false }],
    ['a short vector', { iv: Buffer.alloc(12, 9) }],
    [
      'unknown fields around',
      {
        iv,
        protobuf: Buffer.concat([
          numberField(90, 300),
          bytesField(77, Buffer.from('new')),
          cipherField,
          numberField(5, 0),
        ]),
      },
    ],
    [
      'the vector last of several',
      { iv, protobuf: Buffer.concat([bytesField(3, bytesField(1, Buffer.alloc(16))), cipherField]) },
    ],
    ['both vectors', { iv, protobuf: Buffer.concat([bytesField(2, bytesField(5, Buffer.alloc(16))), cipherField]) }],
    ['nothing but the vector', { iv, protobuf: cipherField }],
    [
      'the longest head',
      { iv, protobuf: Buffer.concat([cipherField, bytesField(9, Buffer.alloc(255 - cipherField.length - 3))]) },
    ],
  ])('open with %s', async (_, shape) => {
    writeFileSync(file, makeCrypt15({ root, content: tinyContent, ...shape }))
    expect(await unlock()).toEqual({ bytes: tinyDatabase.length })
    expect(readFileSync(out).equals(tinyDatabase)).toBe(true)
  })

  it('open with bytes after the compressed database, which WhatsApp itself must have put there', async () => {
    expect(await codeFor(makeCrypt15({ root, content: Buffer.concat([tinyContent, randomBytes(600_000)]) }))).toBe(
      'done',
    )
  })

  it('are explained when they are of the older kind', async () => {
    const protobuf = Buffer.concat([numberField(1, 0), bytesField(2, bytesField(5, iv))])
    expect(await codeFor(makeCrypt15({ root, content: tinyContent, protobuf }))).toBe('crypt14_unsupported')
    expect(await codeFor(makeCrypt15({ root, content: tinyContent, protobuf, marked: false }))).toBe(
      'crypt14_unsupported',
    )
  })

  it('are explained when they hold stickers or wallpapers', async () => {
    const zip = Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(300)])
    expect(await codeFor(makeCrypt15({ root, content: zip, marked: false, md5: false }))).toBe('crypt15_not_messages')
    expect(await codeFor(makeCrypt15({ root, content: deflateSync(zip), marked: false }))).toBe('crypt15_not_messages')
    expect(await codeFor(makeCrypt15({ root, content: Buffer.from('who knows') }))).toBe('crypt15_not_messages')
    expect(await codeFor(makeCrypt15({ root, content: Buffer.alloc(0) }))).toBe('crypt15_not_messages')
  })

  it('without a checksum: a wrong key and damage are still told apart', async () => {
    const bytes = makeCrypt15({ root, content: tinyContent, marked: false, md5: false })
    expect(await codeFor(bytes, { key: keyOf(Buffer.alloc(32, 1)) })).toBe('wrong_key')
    expect(await codeFor(flipped(bytes, bytes.length - 1, 1))).toBe('crypt15_damaged')
    expect(await codeFor(flipped(bytes, bytes.length - 20, 1))).toBe('crypt15_damaged')
  })

  it('are damaged when what WhatsApp sealed is not whole', async () => {
    expect(await codeFor(makeCrypt15({ root, content: tinyContent.subarray(0, -1) }))).toBe('crypt15_damaged')
    expect(await codeFor(makeCrypt15({ root, content: tinyContent.subarray(0, 20) }))).toBe('crypt15_damaged')
    expect(await codeFor(makeCrypt15({ root, content: flipped(tinyContent, tinyContent.length - 1, 1) }))).toBe(
      'crypt15_damaged',
    )
  })

  it('never unpack to more than allowed', async () => {
    const bomb = deflateSync(Buffer.concat([tinyDatabase, Buffer.alloc(4_000_000)]))
    expect(await codeFor(makeCrypt15({ root, content: bomb }), { maxBytes: 3_000_000 })).toBe('crypt15_damaged')
    expect(await codeFor(makeCrypt15({ root, content: bomb }), { maxBytes: 4_000_512 })).toBe('done')
  })
})

describe('the place of the database', () => {
  beforeEach(() =>
    writeFileSync(
      file,
      makeCrypt15({ root, content: deflateSync(Buffer.concat([tinyDatabase, randomBytes(900_000)])) }),
    ),
  )

  it('is left as it is when something is there', async () => {
    writeFileSync(out, 'mine')
    await expect(unlock()).rejects.toMatchObject({ code: 'file_exists', detail: { path: out } })
    expect(readFileSync(out, 'utf8')).toBe('mine')
    await expect(unlock({ out: file })).rejects.toMatchObject({ code: 'file_exists' })
    expect(readdirSync(join(folder, 'out'))).toEqual(['msgstore.db'])
  })

  it.runIf(process.platform !== 'win32')('is left as it is when a link is there that points nowhere', async () => {
    symlinkSync(join(folder, 'nowhere'), out)
    await expect(unlock()).rejects.toMatchObject({ code: 'file_exists' })
    expect(existsSync(join(folder, 'nowhere'))).toBe(false)
  })

  it('is left as it is when something appears there meanwhile', async () => {
    const onProgress: UnlockCrypt15['onProgress'] = ({ phase }) => {
      if (phase === 'write') writeFileSync(out, 'mine')
    }
    await expect(unlock({ onProgress })).rejects.toMatchObject({ code: 'file_exists' })
    expect(readFileSync(out, 'utf8')).toBe('mine')
    expect(readdirSync(join(folder, 'out'))).toEqual(['msgstore.db'])
  })

  it('may be in a folder that is not there: then it says so', async () => {
    await expect(unlock({ out: join(folder, 'no', 'db') })).rejects.toMatchObject({ code: 'file_failed' })
  })

  it('stays empty when the work is cancelled in either reading', async () => {
    for (const phase of ['check', 'write']) {
      const stop = new AbortController()
      const onProgress: UnlockCrypt15['onProgress'] = (progress) => progress.phase === phase && stop.abort()
      await expect(unlock({ signal: stop.signal, onProgress })).rejects.toMatchObject({ code: 'cancelled' })
      expect(readdirSync(join(folder, 'out'))).toEqual([])
    }
  })

  it('stays empty when the file changes or shrinks between the two readings', async () => {
    const bytes = readFileSync(file)
    const meanwhile = async (change: () => void) => {
      let changed = false
      const onProgress: UnlockCrypt15['onProgress'] = ({ phase }) => {
        if (phase === 'write' && !changed) change()
        changed ||= phase === 'write'
      }
      await expect(unlock({ onProgress })).rejects.toMatchObject({ code: 'crypt15_damaged' })
      expect(readdirSync(join(folder, 'out'))).toEqual([])
      writeFileSync(file, bytes)
    }
    await meanwhile(() => writeFileSync(file, flipped(bytes, bytes.length - 100, 1)))
    await meanwhile(() => truncateSync(file, 600_000))
  })

  it.runIf(process.platform !== 'win32')(
    'is swept of what a killed run left, and of nothing that still runs',
    async () => {
      const part = (pid: number | undefined) => join(folder, 'out', `.coffer-unlocked-${pid}-0123456789abcdef.part`)
      const dead = part(spawnSync('true').pid)
      const alive = part(process.ppid)
      for (const path of [dead, alive]) writeFileSync(path, 'messages')
      await unlock()
      expect([existsSync(dead), existsSync(alive)]).toEqual([false, true])
    },
  )
})

describe('a file that cannot be read', () => {
  it('is named as what it is', async () => {
    await expect(unlock({ file: join(folder, 'none') })).rejects.toMatchObject({ code: 'store_not_found' })
    await expect(unlock({ file: folder })).rejects.toMatchObject({ code: 'crypt15_damaged' })
    expect(readdirSync(join(folder, 'out'))).toEqual([])
  })
})

describe('progress', () => {
  it('comes to its end in both readings', async () => {
    writeFileSync(
      file,
      makeCrypt15({ root, content: deflateSync(Buffer.concat([tinyDatabase, randomBytes(900_000)])) }),
    )
    const seen: { phase: string; done: number; total: number }[] = []
    await unlock({ onProgress: (progress) => seen.push(progress) })
    for (const phase of ['check', 'write']) {
      const own = seen.filter((progress) => progress.phase === phase)
      expect(own.length).toBeGreaterThan(2)
      expect(own.at(-1)?.done).toBe(own.at(-1)?.total)
    }
  })
})
