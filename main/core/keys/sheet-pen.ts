/** Drawing on a PDF page from the top down, in points. */
import { type Color, type PDFFont, type PDFPage, rgb } from 'pdf-lib'

export interface Style {
  font: PDFFont
  /** Points. */
  size: number
  colour: Color
  /** Distance of one line from the next; default 1.45 times the size. */
  leading?: number
}

/** Places count from the page's top left corner, unlike PDF's own, which count from the bottom. */
export class Pen {
  readonly #page: PDFPage
  readonly #height: number

  constructor(page: PDFPage) {
    this.#page = page
    this.#height = page.getHeight()
  }

  /** One line whose baseline is at `y`. */
  line(text: string, x: number, y: number, style: Style): void {
    this.#page.drawText(text, { x, y: this.#height - y, font: style.font, size: style.size, color: style.colour })
  }

  /** One line that ends at `right`. */
  lineTo(text: string, right: number, y: number, style: Style): void {
    this.line(text, right - style.font.widthOfTextAtSize(text, style.size), y, style)
  }

  /** As many lines as it takes, the first baseline at `y`; gives the baseline the next line would have. */
  lines(lines: readonly string[], x: number, y: number, style: Style): number {
    const leading = style.leading ?? style.size * 1.45
    lines.forEach((line, i) => this.line(line, x, y + i * leading, style))
    return y + lines.length * leading
  }

  /** A filled box with round corners and, if given, an outline. */
  box(x: number, y: number, width: number, height: number, fill: Color, outline?: Color): void {
    const r = 10
    const side = (dx: number, dy: number) => `l${dx} ${dy}`
    const corner = (dx: number, dy: number) => `a${r} ${r} 0 0 1 ${dx} ${dy}`
    const path = [
      `M${r} 0`,
      side(width - 2 * r, 0),
      corner(r, r),
      side(0, height - 2 * r),
      corner(-r, r),
      side(2 * r - width, 0),
      corner(-r, -r),
      side(0, 2 * r - height),
      corner(r, -r),
      'z',
    ].join('')
    this.path(path, x, y, 1, fill, outline)
  }

  /** An SVG path, its origin at x and y. */
  path(path: string, x: number, y: number, scale: number, fill: Color, outline?: Color): void {
    this.#page.drawSvgPath(path, {
      x,
      y: this.#height - y,
      scale,
      color: fill,
      ...(outline ? { borderColor: outline, borderWidth: 0.75 } : {}),
    })
  }

  disc(x: number, y: number, radius: number, fill: Color): void {
    this.#page.drawCircle({ x, y: this.#height - y, size: radius, color: fill })
  }
}

/** `#rrggbb` as a PDF colour. */
export function colour(hex: string): Color {
  const part = (at: number) => Number.parseInt(hex.slice(at, at + 2), 16) / 255
  return rgb(part(1), part(3), part(5))
}

/**
 * Breaks a text into lines of at most `width` points: after spaces and slashes, and anywhere in pieces wider than a
 * line. Beyond `most` lines the middle gives way to `…`.
 */
export function wrap(text: string, width: number, style: Style, most = Infinity): string[] {
  const fits = (line: string) => style.font.widthOfTextAtSize(line.trimEnd(), style.size) <= width
  const lines: string[] = []
  let line = ''
  const put = (piece: string) => {
    if (!fits(line + piece) && line !== '') {
      lines.push(line.trimEnd())
      line = ''
    }
    line += piece
  }
  for (const piece of text.split(/(?<=[ /\\])/)) {
    if (fits(piece)) put(piece)
    // A spelled character (<U+…>) stays in one piece.
    else for (const character of piece.match(/<U\+[0-9A-F]+>|./gsu) ?? []) put(character)
  }
  lines.push(line.trimEnd())
  if (lines.length <= most) return lines
  const first = Math.ceil((most - 1) / 2)
  return [...lines.slice(0, first), '…', ...lines.slice(lines.length - (most - 1 - first))]
}
