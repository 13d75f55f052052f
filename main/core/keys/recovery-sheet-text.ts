/**
 * What a recovery sheet says: once on the page, once as plain text inside the PDF. The text can itself be used as a
 * key file: everything but the digits stands behind `#`.
 */
import { type Secret } from './secret.ts'
import { showCode, showLines } from './sixty-four-digits.ts'

export interface SheetFacts {
  key: Secret
  /** The archive's id, 32 lower-case hexadecimal digits. */
  archiveId: string
  /** The first 8 hexadecimal digits of the archive's key check: tells whether a sheet belongs to an archive. */
  check: string
  /** Where the archive is: a path or an address. */
  place: string
  /** When the sheet was made. */
  made: Date
}

export const words = {
  title: 'Your 64-digit key',
  lead: 'These digits open your backup, on any computer, without anything else. Keep this sheet where you keep a passport.',
  code: 'The square code holds the same key:',
  place: 'Where the backup is',
  made: 'Sheet made on',
  archive: 'Archive',
  restoreTitle: 'How to get your messages back',
  restore: [
    'Install Coffer on any computer, and connect the disk or cloud folder named above.',
    'Choose “Restore a backup” and show Coffer that folder.',
    'Type the 64 digits, scan the code, or drop this sheet’s PDF on the window.',
    'Or in a terminal: coffer restore FOLDER TARGET — it asks for the digits.',
  ],
  lostTitle: 'If this sheet is lost',
  lost: [
    'Nobody keeps a copy for you, and nobody can make the digits anew. Without them, and without the password if you set one, the backup stays closed for good. A computer that still has the key can print another sheet: coffer key sheet.',
    'Whoever finds this sheet and the backup can read your messages. If that may have happened, start a new archive, which has a new key, and delete the old one.',
  ],
  foot: 'The square code holds the same key. So does the file coffer-key.txt inside this PDF, with everything written here.',
  spelled: 'Characters that cannot be printed here stand as <U+…>; that file has them as they are.',
} as const

/** The name of the plain text inside the PDF. */
export const attachmentName = 'coffer-key.txt'

/** A date as people write it, by this computer's time zone. */
export function showDate(date: Date): string {
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric' }).format(date)
}

/** The plain text inside the PDF. */
export function sheetText(facts: SheetFacts): string {
  const remarks = [
    `Coffer recovery sheet, made on ${showDate(facts.made)}`,
    '',
    `${words.place}: ${withoutControls(facts.place)}`,
    `${words.archive}: ${facts.archiveId}, check ${facts.check}`,
    '',
    words.title,
    words.lead,
  ]
  const after = [
    words.code,
    showCode(facts.key, { id: facts.archiveId, check: facts.check }),
    '',
    words.restoreTitle,
    ...words.restore.map((sentence, i) => `${i + 1}. ${sentence}`),
    '',
    words.lostTitle,
    ...words.lost,
  ]
  return [...remarks.map(remark), '', ...showLines(facts.key), '', ...after.map(remark), ''].join('\n')
}

/** What stands on the page for a text, given the characters its font has; `whole` is false if any had to be spelled. */
export function printable(text: string, has: (codePoint: number) => boolean): { text: string; whole: boolean } {
  let whole = true
  // Composed, since fonts have é as one character where a Mac's paths have it as two.
  const shown = [...withoutControls(text).normalize('NFC')].map((character) => {
    if (has(character.codePointAt(0) ?? 0)) return character
    whole = false
    return spell(character)
  })
  return { text: shown.join(''), whole: whole && withoutControls(text) === text }
}

/** Line breaks and other controls are spelled: a folder's name must not be able to write lines of its own. */
function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, spell)
}

function spell(character: string): string {
  return `<U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`
}

function remark(line: string): string {
  return line === '' ? '#' : `# ${line}`
}
