/** `--password-stdin`: passwords by a pipe, one a line, since arguments can be read by others. */
import { CofferError } from '../../contract/errors.ts'
import type { TerminalInput } from './ask-key.ts'

/** No password has more than 1,024 bytes; this bounds what is taken in. */
const maxInput = 8 * 1024

/**
 * Up to `most` lines, as soon as they are there or the input ends. A line ends with a line feed, or a carriage return
 * and one; nothing else is taken off. Errors: usage when there is none.
 */
export async function readPasswordLines(input: TerminalInput, most: number): Promise<Buffer[]> {
  const bytes = await readUntil(input, (soFar) => linesOf(soFar, { ended: false }).length >= most)
  const lines = linesOf(bytes, { ended: true })
    .slice(0, most)
    .map((line) => Buffer.from(line))
  bytes.fill(0)
  if (lines.length === 0) throw new CofferError('usage', { reason: 'There is no password on standard input.' })
  return lines
}

function linesOf(bytes: Buffer, { ended }: { ended: boolean }): Buffer[] {
  const lines: Buffer[] = []
  let at = 0
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, at)) {
    lines.push(bytes.subarray(at, bytes[end - 1] === 0x0d && end > at ? end - 1 : end))
    at = end + 1
  }
  // The last line of a pipe often has no end of its own.
  if (ended && at < bytes.length) lines.push(bytes.subarray(at))
  return lines
}

function readUntil(input: TerminalInput, enough: (soFar: Buffer) => boolean): Promise<Buffer> {
  const room = Buffer.alloc(maxInput)
  let length = 0
  return new Promise((resolve) => {
    const done = (): void => {
      input.off('data', take)
      input.off('end', done)
      input.pause()
      resolve(room.subarray(0, length))
    }
    const take = (chunk: Buffer): void => {
      length += chunk.copy(room, length)
      chunk.fill(0)
      if (length === room.length || enough(room.subarray(0, length))) done()
    }
    input.on('data', take)
    input.on('end', done)
    input.resume()
  })
}
