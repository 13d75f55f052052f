import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import jsQR from 'jsqr'
import { PDFDocument } from 'pdf-lib'
import QRCode from 'qrcode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readKeyFile } from '../../../main/core/keys/key-file.ts'
import { fontFiles, makeRecoverySheet, writeRecoverySheet } from '../../../main/core/keys/recovery-sheet.ts'
import { readRecoverySheet } from '../../../main/core/keys/recovery-sheet-reader.ts'
import { printable, sheetText } from '../../../main/core/keys/recovery-sheet-text.ts'
import { holdSecret, withSecret } from '../../../main/core/keys/secret.ts'
import { readKey, showCode } from '../../../main/core/keys/sixty-four-digits.ts'

const hex = '6f3a91c0d27e04b85a1de9f27c36b84013de8a95f06b2c71d4e8305f9b1a67c2'
const archiveId = '0123456789abcdef'.repeat(2)
const check = 'c0ffee42'
const code = `COFFER1:${hex}:${archiveId}:${check}`
const facts = (place = '/media/disk/Coffer') => ({
  key: holdSecret(Buffer.from(hex, 'hex')),
  archiveId,
  check,
  place,
  made: new Date('2026-11-23T12:00:00Z'),
})
const digitsOf = (read: ReturnType<typeof readKey>) => withSecret(read.key, (bytes) => bytes.toString('hex'))
const hasPoppler = spawnSync('pdftoppm', ['-v']).error === undefined

let folder: string
let sheet: Uint8Array
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sheet-'))
  sheet = await makeRecoverySheet(facts())
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a recovery sheet', () => {
  it('gives back the key, the archive’s id and its check', () => {
    const read = readRecoverySheet(sheet)
    expect(digitsOf(read)).toBe(hex)
    expect(read).toMatchObject({ archiveId, check })
  })

  it('is one page of A4 that says what it is, and nothing secret, in its properties', async () => {
    const pdf = await PDFDocument.load(sheet, { updateMetadata: false })
    expect(pdf.getPageCount()).toBe(1)
    expect(pdf.getPage(0).getSize()).toEqual({ width: 595.28, height: 841.89 })
    expect(pdf.getTitle()).toBe('Coffer recovery sheet')
    expect([pdf.getKeywords(), pdf.getSubject(), pdf.getAuthor()]).toEqual([undefined, undefined, undefined])
  })

  it('carries its text, which can be used as a key file', async () => {
    const path = join(folder, 'coffer-key.txt')
    writeFileSync(path, sheetText(facts()), { mode: 0o600 })
    expect(digitsOf(await readKeyFile(path))).toBe(hex)
  })

  it('can itself be given as a key file', async () => {
    const path = join(folder, 'as-key.pdf')
    writeFileSync(path, sheet, { mode: 0o600 })
    const read = await readKeyFile(path)
    expect(digitsOf(read)).toBe(hex)
    expect(read).toMatchObject({ archiveId, check, openToOthers: false })
  })

  it('is written for its owner alone, and never in place of another file', async () => {
    const path = join(folder, 'written.pdf')
    await writeRecoverySheet(path, facts())
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(digitsOf(readRecoverySheet(readFileSync(path)))).toBe(hex)
    const before = readFileSync(path)
    await expect(writeRecoverySheet(path, facts('elsewhere'))).rejects.toMatchObject({ code: 'file_exists' })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('has a code that cameras can read, also with a stain on it', () => {
    const { modules } = QRCode.create(showCode(facts().key, { id: archiveId, check }), { errorCorrectionLevel: 'Q' })
    const scale = 4
    const side = (modules.size + 8) * scale
    const pixels = new Uint8ClampedArray(side * side * 4).fill(255)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const [row, column] = [Math.floor(y / scale) - 4, Math.floor(x / scale) - 4]
        const covered = row > 28 && row < 44 && column > 8 && column < 24
        const dark = row >= 0 && column >= 0 && row < modules.size && column < modules.size && modules.get(row, column)
        if (dark && !covered) pixels.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3)
      }
    expect(readCode(pixels, side, side)).toBe(code)
  })

  it.runIf(hasPoppler)('can be read from the printed page: the code by a camera, the digits by eye', async () => {
    const path = join(folder, 'printed.pdf')
    await writeRecoverySheet(path, facts())
    const { pixels, width, height } = render(path)
    expect(readCode(pixels, width, height)).toBe(code)
    const text = execFileSync('pdftotext', ['-layout', path, '-'], { encoding: 'utf8' })
    for (const group of hex.match(/.{4}/g) ?? []) expect(text).toContain(group)
    expect(text).toContain('/media/disk/Coffer')
    expect(text).toContain('23 November 2026')
    expect(execFileSync('pdfdetach', ['-list', path], { encoding: 'utf8' })).toContain('coffer-key.txt')
  })
})

describe('the place on the sheet', () => {
  it.each([
    'C:\\Users\\Ana\\OneDrive\\Coffer',
    'webdav+https://cloud.example.org/remote.php/dav/files/ana/coffer',
    '/home/李明/备份',
    '/Volumes/مجلد/नमस्ते/🔑',
    `/with a line\nbreak and \u0000 and \u202e`,
    `/${'long'.repeat(1000)}`,
    '/\ud800 half a character',
    '',
  ])('can be %j', async (place) => {
    const made = await makeRecoverySheet(facts(place))
    expect(digitsOf(readRecoverySheet(made))).toBe(hex)
  })

  it('cannot add lines to the sheet’s text', () => {
    const text = sheetText(facts(`/x\n${'ab'.repeat(32)}\r\u2028\u0085${code}`))
    expect(digitsOf(readKey(text))).toBe(hex)
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toHaveLength(4)
  })

  it('shows what the font has, composed, and spells what it has not', () => {
    const latin = (codePoint: number) => codePoint < 0x180
    expect(printable('/e\u0301t\u00e9', latin)).toEqual({ text: '/été', whole: true })
    expect(printable('/李/🔑', latin)).toEqual({ text: '/<U+674E>/<U+1F511>', whole: false })
    expect(printable('/a\nb', latin)).toEqual({ text: '/a<U+000A>b', whole: false })
  })
})

describe('the fonts of the sheet', () => {
  // The font library writes subsets with short offsets, which only fit fonts that have short offsets themselves: from
  // others it silently loses letters.
  it.each(Object.values(fontFiles))('%s has short offsets', (name) => {
    const font = readFileSync(fileURLToPath(import.meta.resolve(name)))
    const tables = Array.from({ length: font.readUInt16BE(4) }, (_, i) => font.subarray(12 + 16 * i, 28 + 16 * i))
    const head = tables.find((table) => table.toString('latin1', 0, 4) === 'head')
    expect(font.readInt16BE((head?.readUInt32BE(8) ?? 0) + 50)).toBe(0)
  })
})

describe('a PDF that is not a recovery sheet', () => {
  it('is refused when it holds no key', async () => {
    const other = await PDFDocument.create()
    other.addPage()
    expect(await faultOf(await other.save())).toMatchObject({ code: 'key_malformed', detail: { fault: 'sheet' } })
  })

  it('is refused when it holds two different keys', async () => {
    const pdf = await PDFDocument.load(sheet)
    await pdf.attach(Buffer.from(code.replace('6f3a', 'aaaa')), 'another.txt')
    expect(await faultOf(await pdf.save())).toMatchObject({
      detail: { fault: 'sheet', reason: expect.stringContaining('several') },
    })
  })

  it.each([
    ['is empty', Buffer.alloc(0)],
    ['is no PDF', Buffer.from(code)],
    ['is huge', Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(5_000_000, ' ')])],
  ])('is refused when it %s', async (_, bytes) => {
    expect(await faultOf(bytes)).toMatchObject({ code: 'key_malformed', detail: { fault: 'sheet' } })
  })

  it('is read though another program saved it anew', async () => {
    const pdf = await PDFDocument.load(sheet)
    const saved = await pdf.save({ useObjectStreams: true })
    expect(digitsOf(readRecoverySheet(saved))).toBe(hex)
  })
})

function faultOf(pdf: Uint8Array): Promise<unknown> {
  return Promise.resolve()
    .then(() => readRecoverySheet(pdf))
    .catch((error: unknown) => error)
}

function readCode(pixels: Uint8ClampedArray, width: number, height: number): string | undefined {
  return jsQR.default(pixels, width, height)?.data
}

function render(path: string): { pixels: Uint8ClampedArray; width: number; height: number } {
  const image = execFileSync('pdftoppm', ['-r', '100', path], { maxBuffer: 64 * 1024 * 1024 })
  const [head, width, height] = /^P6\n(\d+) (\d+)\n255\n/.exec(image.toString('latin1', 0, 40)) ?? []
  const pixels = new Uint8ClampedArray(Number(width) * Number(height) * 4).fill(255)
  const colours = image.subarray(head?.length ?? 0)
  for (let i = 0, j = 0; i < colours.length; i += 3, j += 4) pixels.set(colours.subarray(i, i + 3), j)
  return { pixels, width: Number(width), height: Number(height) }
}
