/**
 * Sizes, counts, times and names as people read them on a terminal. All words are English, so numbers and dates are
 * written the English way too, whatever the computer's language.
 */

const locale = 'en-GB'
const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const

// Made when first asked for: they are a twelfth of the time that `coffer --version` takes.
let numbers: Intl.NumberFormat | undefined
const grouped = (value: number) => (numbers ??= new Intl.NumberFormat(locale)).format(value)
let dates: Intl.DateTimeFormat | undefined
const date = (value: Date) =>
  (dates ??= new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' })).format(value)

/** `512 bytes`, `13.5 MB`: three digits, steps of 1,000. */
export function bytes(count: number): string {
  if (count < 1000) return amount(count, 'byte')
  let step = 0
  let value = count
  // 999.5 is where three digits round up to the next unit.
  while (value >= 999.5 && step < units.length - 1) {
    value /= 1000
    step++
  }
  const style = { style: 'unit', unit: units[step] ?? 'terabyte', maximumSignificantDigits: 3 } as const
  return new Intl.NumberFormat(locale, style).format(value)
}

/** `1 file`, `3,512 files`; `plural` where an s does not make it. */
export function amount(count: number, one: string, plural = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : plural}`
}

/** `112,036` */
export function number(count: number): string {
  return grouped(count)
}

/** `23 Nov 2026, 14:02`, in the computer's time zone; a dash for no time. */
export function moment(when: Date | string | null): string {
  return when === null ? '–' : date(new Date(when))
}

/** `0.4 s`, `42 s`, `3 min 5 s`, `2 h 10 min` */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  const minutes = Math.round(whole / 60)
  return `${grouped(Math.floor(minutes / 60))} h ${minutes % 60} min`
}

/**
 * A text that is not ours (a file name, a chat's name) made safe to print: whatever would move the cursor, ring,
 * colour or turn the writing round is spelled out instead, so that no name can pretend to be what Coffer says.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
}

/** Rows as columns: as wide as their widest cell, numbers (`right`) to the right. No spaces at the ends of lines. */
export function table(
  rows: readonly (readonly string[])[],
  options: { right?: readonly number[]; indent?: string } = {},
): string {
  const widths: number[] = []
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  return rows
    .map((row) => {
      const cells = row.map((cell, i) =>
        options.right?.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      return `${options.indent ?? ''}${cells.join('  ')}`.trimEnd()
    })
    .join('\n')
}
