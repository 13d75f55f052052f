/** The page of a recovery sheet: A4, read from top to bottom by someone in a hurry and perhaps without a computer. */
import type { PDFFont, PDFPage } from 'pdf-lib'
import QRCode from 'qrcode'
import { printable, type SheetFacts, showDate, words } from './recovery-sheet-text.ts'
import { colour, Pen, type Style, wrap } from './sheet-pen.ts'
import { showCode, showLines } from './sixty-four-digits.ts'

/** A4, in points. */
export const pageSize: [number, number] = [595.28, 841.89]

export interface Fonts {
  text: PDFFont
  bold: PDFFont
  digits: PDFFont
}

const left = 56
const right = pageSize[0] - left
const width = right - left

const ink = colour('#1d2226')
const quiet = colour('#5d666d')
const rule = colour('#dedad2')
const accent = colour('#0b6e6b')
const warn = colour('#8a5a00')
const warnSoft = colour('#fbefd7')
const surface = colour('#fbfaf8')
const white = colour('#ffffff')

/** Draws the whole sheet. */
export function drawSheet(page: PDFPage, fonts: Fonts, facts: SheetFacts): void {
  const pen = new Pen(page)
  drawHead(pen, fonts)
  drawKey(pen, fonts, 170, showLines(facts.key))
  drawFacts(pen, fonts, 386, facts)
  drawRestore(pen, fonts, 574)
  drawLost(pen, fonts, 668)
  drawFoot(pen, fonts, facts)
}

function drawHead(pen: Pen, fonts: Fonts): void {
  pen.path(
    'M5 3h18a4 4 0 0 1 4 4v11a4 4 0 0 1-4 4h-8l-6 5v-5H5a4 4 0 0 1-4-4V7a4 4 0 0 1 4-4z',
    left - 1,
    40,
    0.85,
    accent,
  )
  pen.disc(left - 1 + 14 * 0.85, 40 + 11 * 0.85, 3.1 * 0.85, white)
  pen.path('M12.6 12.5h2.8l1 5h-4.8z', left - 1, 40, 0.85, white)
  pen.line('Coffer', left + 30, 56, { font: fonts.bold, size: 13, colour: ink })
  pen.lineTo('Recovery sheet', right, 56, { font: fonts.text, size: 10.5, colour: quiet })
  pen.line(words.title, left, 112, { font: fonts.bold, size: 27, colour: ink })
  const lead: Style = { font: fonts.text, size: 11, colour: quiet }
  pen.lines(wrap(words.lead, width, lead), left, 134, lead)
}

/** 16 numbered groups: whoever types them back can say where they are. */
function drawKey(pen: Pen, fonts: Fonts, top: number, lines: readonly string[]): void {
  pen.box(left, top, width, 188, surface, rule)
  const number: Style = { font: fonts.text, size: 8.5, colour: quiet }
  const digits: Style = { font: fonts.digits, size: 23, colour: ink }
  const step = width / 4
  lines.forEach((line, row) =>
    line.split(' ').forEach((group, column) => {
      const x = left + 46 + column * (step - 3)
      const y = top + 43 + row * 40.5
      pen.lineTo(String(row * 4 + column + 1), x - 9, y - 1, number)
      pen.line(group, x, y, digits)
    }),
  )
}

/** The code at the left, and what one has to know beside it. */
function drawFacts(pen: Pen, fonts: Fonts, top: number, facts: SheetFacts): void {
  const size = 150
  drawCode(pen, left, top, size, showCode(facts.key, { id: facts.archiveId, check: facts.check }))
  const x = left + size + 32
  const label: Style = { font: fonts.text, size: 9, colour: quiet }
  const value: Style = { font: fonts.bold, size: 11, colour: ink, leading: 15 }
  const small: Style = { font: fonts.digits, size: 9, colour: ink }
  const place = shownPlace(fonts, facts)

  let y = top + 9
  pen.line(words.place, x, y, label)
  y = pen.lines(wrap(place.text, right - x, value, 4), x, y + 16, value) + 8
  pen.line(words.made, x, y, label)
  y = pen.lines([showDate(facts.made)], x, y + 16, value) + 8
  pen.line(words.archive, x, y, label)
  pen.line(`${facts.archiveId} · ${facts.check}`, x, y + 15, small)
}

function drawCode(pen: Pen, x: number, y: number, size: number, text: string): void {
  // Q: a quarter of the code may be creased, stained or torn away.
  const { modules } = QRCode.create(text, { errorCorrectionLevel: 'Q' })
  const rows = Array.from({ length: modules.size }, (_, row) => row)
  // One path for all: separate squares would show hairlines between them.
  const path = rows.flatMap((row) =>
    rows.filter((column) => modules.get(row, column)).map((column) => `M${column} ${row}h1v1h-1z`),
  )
  pen.path(path.join(''), x, y, size / modules.size, ink)
}

function drawRestore(pen: Pen, fonts: Fonts, top: number): void {
  pen.line(words.restoreTitle, left, top, { font: fonts.bold, size: 13, colour: ink })
  const text: Style = { font: fonts.text, size: 10.5, colour: ink }
  words.restore.forEach((sentence, i) => {
    const y = top + 21 + i * 17.5
    pen.line(`${i + 1}`, left, y, { font: fonts.bold, size: 10.5, colour: accent })
    pen.line(sentence, left + 16, y, text)
  })
}

function drawLost(pen: Pen, fonts: Fonts, top: number): void {
  const text: Style = { font: fonts.text, size: 9.5, colour: warn, leading: 13.5 }
  const inner = width - 40
  const paragraphs = words.lost.map((paragraph) => wrap(paragraph, inner, text))
  const height = 42 + paragraphs.flat().length * 13.5 + 5
  pen.box(left, top, width, height, warnSoft)
  pen.line(words.lostTitle, left + 20, top + 24, { font: fonts.bold, size: 11, colour: warn })
  let y = top + 42
  for (const lines of paragraphs) y = pen.lines(lines, left + 20, y, text) + 5
}

function drawFoot(pen: Pen, fonts: Fonts, facts: SheetFacts): void {
  const whole = shownPlace(fonts, facts).whole
  pen.lines(whole ? [words.foot] : [words.foot, words.spelled], left, 806, {
    font: fonts.text,
    size: 8.5,
    colour: quiet,
  })
}

function shownPlace(fonts: Fonts, facts: SheetFacts): { text: string; whole: boolean } {
  const characters = new Set(fonts.bold.getCharacterSet())
  return printable(facts.place, (codePoint) => characters.has(codePoint))
}
