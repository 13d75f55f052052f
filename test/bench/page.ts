/** The figures in docs/BENCHMARKS.md: the part of the page from its last heading on. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { root } from '../../scripts/bootstrap/places.mjs'
import type { Row } from './rows.ts'
import { verdictOf } from './table.ts'

const heading = '## Figures'
const path = join(root, 'docs', 'BENCHMARKS.md')

/** Replaces the lines of `rows` in the page, and keeps those of measures that were not run this time. */
export async function writePage(
  rows: readonly Row[],
  about: { machine: string; date: Date; pairs: number },
): Promise<string> {
  const page = readFileSync(path, 'utf8')
  const text = pageWith(page, rows, about)
  writeFileSync(path, await format(text, { ...(await resolveConfig(path)), parser: 'markdown' }))
  return path
}

export function pageWith(
  page: string,
  rows: readonly Row[],
  about: { machine: string; date: Date; pairs: number },
): string {
  const at = page.indexOf(`\n${heading}\n`)
  const method = at < 0 ? page : page.slice(0, at)
  const lines = new Map<string, string>()
  for (const { name, text } of at < 0 ? [] : page.slice(at).split('\n').flatMap(lineOf)) lines.set(name, text)
  // A line that is there already keeps its place.
  for (const { name, text } of rows.map(markdownOf)) lines.set(name, text)
  const day = about.date.toISOString().slice(0, 10)
  return [
    method.trimEnd(),
    '',
    heading,
    '',
    `Medians of ${about.pairs}, ${day}: ${about.machine}. MB are millions of bytes.`,
    '',
    '| | Coffer | restic | borg | cp + sync | | asked for | |',
    '| --- | ---: | ---: | ---: | ---: | --- | --- | --- |',
    ...lines.values(),
    '',
  ].join('\n')
}

interface Line {
  name: string
  text: string
}

function markdownOf(row: Row): Line {
  const cells = [row.what, row.coffer, row.restic, row.borg, row.copy, row.figure, row.target, verdictOf(row)]
  return { name: row.what, text: `| ${cells.join(' | ')} |` }
}

/** A line of an earlier table; nothing for its head and for everything that is no table. */
function lineOf(text: string): Line[] {
  const name = /^\| ([^|]*?) +\|/.exec(text)?.[1] ?? ''
  return name === '' || name.startsWith('-') ? [] : [{ name, text }]
}
