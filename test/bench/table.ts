/** The figures on a terminal. */
import type { Row } from './rows.ts'

const headings = ['', 'Coffer', 'restic', 'borg', 'cp + sync', '', 'asked for', ''] as const

/** One line for each row, in columns. A peer that is not there has its reason in the column's first line. */
export function tableOf(rows: readonly Row[], { missing }: { missing: readonly string[] }): string {
  const cells = rows.map((row) => [
    row.what,
    row.coffer,
    row.restic,
    row.borg,
    row.copy,
    row.figure,
    row.target,
    verdictOf(row),
  ])
  const all = [[...headings], ...cells]
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const lines = all.map((row) =>
    row
      .map((cell, column) =>
        column >= 1 && column <= 4 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
  return [...lines, ...missing.map((name) => `${name}: not installed`)].join('\n')
}

export function verdictOf({ met }: Row): string {
  if (met === undefined) return ''
  return met ? 'met' : 'MISSED'
}
