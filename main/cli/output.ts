/**
 * What a command says at its end: one JSON document, or a few plain lines; and its exit code.
 *
 * Results go to standard output, everything else (warnings, notes, errors in words, progress) to standard error, so
 * that a pipe carries the result alone. With --json an error is the result.
 */
import { CofferError, describe, type Detail, type ErrorCode, type Warning } from '../../contract/errors.ts'
import { amount, moment, printable } from './words.ts'

/** What a command hands back. */
export interface Outcome {
  /** The documented result (docs/CLI.md). Dates become ISO 8601 in UTC. */
  json: Readonly<Record<string, unknown>>
  /** The same for people. */
  text: string
  /** They are in `json` too; with any, the exit code is 1. */
  warnings?: readonly Warning[]
  /** Where it is not 0 or 1. */
  exit?: number
}

export function exitOf(outcome: Outcome): number {
  return outcome.exit ?? (outcome.warnings?.length ? 1 : 0)
}

/** One JSON document and a line's end. On one line, unless a person looks at it. */
export function jsonDocument(value: unknown, forPeople: boolean): string {
  return `${JSON.stringify(value, null, forPeople ? 2 : undefined)}\n`
}

/** A warning in JSON: `{code, message, next, …detail}`, as errors are. */
export function jsonWarnings(warnings: readonly Warning[]): Record<string, unknown>[] {
  return warnings.map(({ code, detail }) => explained(code, detail))
}

/** Warnings in words, one paragraph each kind; after the first ten of a kind the rest are counted. */
export function warningLines(warnings: readonly Warning[]): string {
  const kinds = Map.groupBy(warnings, ({ code }) => code)
  return [...kinds]
    .map(([code, all]) => {
      const { say, next } = describe(code)
      const shown = all.slice(0, 10).flatMap(({ detail }) => told[code]?.(detail) ?? detailLines(detail))
      const more = all.length > 10 ? [`  … and ${all.length - 10} more (--json lists all)`] : []
      return [`Warning: ${say}`, ...shown, ...more, `  ${next}`].join('\n')
    })
    .join('\n')
}

/** What is said of a failure. `next` replaces the table's next step where the command knows a better one. */
export function describeFailure(
  error: unknown,
  next?: string,
): { exit: number; json: Record<string, unknown>; text: string } {
  const { code, detail } =
    error instanceof CofferError ? error : new CofferError('unexpected', { reason: briefly(error) })
  const known = describe(code)
  const explanation = { ...explained(code, detail), ...(next === undefined ? {} : { next }) }
  const text = [known.say, ...detailLines(detail), next ?? known.next].join('\n')
  return { exit: known.exit, json: { error: explanation }, text }
}

function explained(code: ErrorCode, detail: Detail): Record<string, unknown> {
  const { say, next } = describe(code)
  // The three fixed names win over a detail of the same name.
  return {
    code,
    message: say,
    next,
    ...Object.fromEntries(Object.entries(detail).filter(([name]) => !fixed.has(name))),
  }
}

const fixed = new Set(['code', 'message', 'next'])

/** Details under the sentence: what is a sentence itself stands alone, everything else has its name before it. */
function detailLines(detail: Detail): string[] {
  return Object.entries(detail)
    .filter(([name, value]) => value !== null && !forPrograms.has(name))
    .map(([name, value]) => {
      const text = printable(String(value))
      return sentences.has(name) && text.includes(' ') ? `  ${text}` : `  ${name}: ${text}`
    })
}

const sentences = new Set(['reason', 'why', 'instead', 'tries', 'wait', 'unsure', 'suggestion'])
/** A sentence beside them says the same. */
const forPrograms = new Set(['attemptsLeft', 'charged', 'retryAfter'])

/** Warnings whose details are told in words of their own. */
const told: Partial<Record<ErrorCode, (detail: Detail) => string[]>> = {
  passwords_tried: ({ count, last }) => [
    `  ${amount(Number(count), 'wrong password')}, the last on ${moment(String(last))}.`,
  ],
}

/** The first line of what a bug says of itself; never its stack, which may hold anything. */
function briefly(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return (text.split('\n', 1)[0] ?? '').slice(0, 300)
}
