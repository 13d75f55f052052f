/**
 * Gets the key back from a recovery sheet's PDF.
 *
 * The file may come from anywhere, so it is not interpreted as a PDF: its streams are looked at one by one, each
 * inflated to at most a few pages of text, for the one line that the sheet's text contains. That is bounded whatever
 * the file holds, and it also finds the line in a sheet that another program saved anew or that lost its end.
 */
import { inflateSync } from 'node:zlib'
import { CofferError } from '../../../contract/errors.ts'
import { wipe } from './secret.ts'
import { type ReadKey, readKey } from './sixty-four-digits.ts'

/** Larger than any sheet, also one that a program has rewritten with fonts of its own. Bytes. */
const maxSheet = 4 * 1024 * 1024
/** Streams looked at; a sheet has about ten. */
const maxStreams = 256
/** The sheet's text has under 2 kB. */
const maxText = 64 * 1024

const code = /COFFER1:[0-9a-f]{64}:[0-9a-f]{32}:[0-9a-f]{8}(?![0-9a-f])/gi
const streamStart = Buffer.from('stream')

/** The key of a sheet, with the archive's id and check. Gives key_malformed (`fault: 'sheet'`) if there is none. */
export function readRecoverySheet(pdf: Uint8Array): ReadKey {
  const bytes = Buffer.from(pdf.buffer, pdf.byteOffset, pdf.byteLength)
  if (bytes.length > maxSheet || bytes.subarray(0, 1024).indexOf('%PDF-') < 0)
    throw noSheet('This is not a recovery sheet in PDF.')
  const found = new Set<string>(codesIn(bytes))
  let at = bytes.indexOf(streamStart)
  for (let streams = 0; at >= 0 && streams < maxStreams; streams++) {
    for (const text of codesInflated(bytes.subarray(at + streamStart.length))) found.add(text)
    at = bytes.indexOf(streamStart, at + streamStart.length)
  }
  const [only, ...others] = found
  if (only === undefined)
    throw noSheet('There is no key in this PDF. Give the file as Coffer saved it, not a scan, or type the digits.')
  if (others.length > 0) throw noSheet('There are several keys in this PDF. Type the digits of the right one.')
  return readKey(only)
}

/** Of the bytes after the word `stream`: its data begins after the line break, and says itself where it ends. */
function codesInflated(after: Buffer): string[] {
  const data = after.subarray(after[0] === 0x0d && after[1] === 0x0a ? 2 : 1)
  try {
    const text = inflateSync(data, { maxOutputLength: maxText })
    try {
      return codesIn(text)
    } finally {
      wipe(text)
    }
  } catch {
    return [] // not compressed, compressed differently, damaged, or larger than a sheet's text
  }
}

function codesIn(bytes: Buffer): string[] {
  return (
    bytes
      .toString('latin1')
      .match(code)
      ?.map((text) => text.toLowerCase()) ?? []
  )
}

function noSheet(reason: string): CofferError {
  return new CofferError('key_malformed', { fault: 'sheet', reason })
}
