/**
 * The 64-digit key as people meet it: 32 bytes as 64 hexadecimal digits in 16 groups of 4.
 *
 * Reading is generous about everything that carries no meaning (spaces, dashes, line breaks, capitals, invisible
 * marks from copying) and strict about everything else. Errors say where the fault is and never which digits are
 * right: they end up on screens and in bug reports.
 */
import { CofferError, type Detail } from '../../../contract/errors.ts'
import { holdSecret, lockedBuffer, makeSecret, type Secret, secretBytes, wipe, withSecret } from './secret.ts'

const digitCount = 2 * secretBytes
const groupSize = 4
const groupsPerLine = 4

/** No way of writing a key comes near this many characters; it bounds the work on hostile input. */
const maxLength = 4096

/** Spaces, line breaks, dashes of any script, and invisible formatting marks such as those around copied text. */
const meaningless = /^[\p{White_Space}\p{Dash}\p{Cf}]$/u

/** Characters that are easily written for a digit. */
const slips: Readonly<Record<string, { is: string; meant: string }>> = {
  O: { is: 'a letter O', meant: '0' },
  o: { is: 'a letter o', meant: '0' },
  l: { is: 'a letter l', meant: '1' },
  I: { is: 'a capital letter i', meant: '1' },
  i: { is: 'a letter i', meant: '1' },
  '|': { is: 'an upright stroke', meant: '1' },
}

/** A key that was read, and what else the QR code of a recovery sheet says. The caller disposes of the key. */
export interface ReadKey {
  key: Secret
  /** The archive it belongs to: its id, 32 lower-case hexadecimal digits. */
  archiveId?: string
  /** The first 8 hexadecimal digits of that archive's key check. */
  check?: string
}

/** A new 64-digit key. */
export function makeKey(): Secret {
  return makeSecret()
}

/**
 * The key in 16 groups of 4, `0123 4567 …`. Only for showing it and for writing it where its owner keeps it:
 * strings cannot be wiped.
 */
export function showDigits(key: Secret): string {
  return groupsOf(key).join(' ')
}

/** The same in four lines of four groups. */
export function showLines(key: Secret): string[] {
  const groups = groupsOf(key)
  return Array.from({ length: groups.length / groupsPerLine }, (_, line) =>
    groups.slice(line * groupsPerLine, (line + 1) * groupsPerLine).join(' '),
  )
}

/** The text of a recovery sheet's QR code: `COFFER1:<64 digits>:<archive id>:<check>`. */
export function showCode(key: Secret, archive: { id: string; check: string }): string {
  return `COFFER1:${groupsOf(key).join('')}:${archive.id}:${archive.check}`
}

/**
 * Reads a key as typed, pasted, scanned or read from a key file: 64 digits, or the text of a recovery sheet's QR
 * code. Lines that begin with `#` are remarks.
 *
 * Gives key_malformed with a `reason` in words and, for programs, `fault`:
 * `character` (with `group` and `position`, counted from 1, and `meant`, the digit, where it is a usual slip),
 * `length` (with `digits`, how many there are), `code` (begins like a QR code's text but is not one), `too_long`.
 */
export function readKey(text: string): ReadKey {
  if (text.length > maxLength) throw malformed({ fault: 'too_long', reason: 'This text is far too long to be a key.' })
  const bare = text.replace(/^\s*#.*$/gmu, '').trim()
  return /^\p{Cf}*COFFER/iu.test(bare) ? readCode(bare) : { key: readDigits(bare) }
}

function readCode(text: string): ReadKey {
  // Scanners and mail programs may wrap or space the text; none of that carries meaning.
  const [name, digits, archiveId, check, ...more] = [...text]
    .filter((c) => !meaningless.test(c))
    .join('')
    .split(':')
  const wellFormed =
    name?.toUpperCase() === 'COFFER1' &&
    digits !== undefined &&
    archiveId !== undefined &&
    /^[0-9a-f]{32}$/iu.test(archiveId) &&
    check !== undefined &&
    /^[0-9a-f]{8}$/iu.test(check) &&
    more.length === 0
  if (!wellFormed)
    throw malformed({
      fault: 'code',
      reason: 'The text begins like a recovery sheet’s QR code, but is incomplete or altered.',
    })
  return { key: readDigits(digits), archiveId: archiveId.toLowerCase(), check: check.toLowerCase() }
}

/** Straight into locked memory, one character at a time: no second string of the key comes into being. */
function readDigits(text: string): Secret {
  const bytes = lockedBuffer(secretBytes)
  try {
    let digits = 0
    for (const character of text) {
      if (meaningless.test(character)) continue
      const value = valueOf(character)
      if (value === undefined) throw wrongCharacter(character, digits)
      if (digits < digitCount) bytes[digits >> 1] = ((bytes[digits >> 1] ?? 0) << 4) | value
      digits++
    }
    if (digits !== digitCount)
      throw malformed({ fault: 'length', digits, reason: `There are ${digits} digits here; a key has ${digitCount}.` })
    return holdSecret(bytes)
  } finally {
    wipe(bytes)
  }
}

function valueOf(character: string): number | undefined {
  return /^[0-9a-f]$/iu.test(character) ? Number.parseInt(character, 16) : undefined
}

function wrongCharacter(character: string, before: number): CofferError {
  const group = Math.floor(before / groupSize) + 1
  const position = (before % groupSize) + 1
  const slip = slips[character]
  const place = `Group ${group}, position ${position}`
  return malformed({
    fault: 'character',
    group,
    position,
    ...(slip ? { meant: slip.meant } : {}),
    reason: slip
      ? `${place}: this is ${slip.is}. Probably the digit ${slip.meant} is meant.`
      : `${place}: this is not a digit of a key, which has only 0 to 9 and a to f.`,
  })
}

function malformed(detail: Detail): CofferError {
  return new CofferError('key_malformed', detail)
}

function groupsOf(key: Secret): string[] {
  return withSecret(key, (bytes) =>
    Array.from({ length: digitCount / groupSize }, (_, group) => bytes.toString('hex', group * 2, group * 2 + 2)),
  )
}
