import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { TerminalInput } from '../../../main/cli/ask-key.ts'
import { readPasswordLines } from '../../../main/cli/password-lines.ts'
import { codeOf } from '../destinations/looking.ts'

/** Standard input that nobody types at; it stays open unless ended. */
function input(...chunks: (string | Buffer)[]): PassThrough & TerminalInput {
  const stream = Object.assign(new PassThrough(), { setRawMode: () => undefined })
  for (const chunk of chunks) stream.write(chunk)
  return stream
}
const lines = async (stream: PassThrough & TerminalInput, most: number): Promise<string[]> =>
  (await readPasswordLines(stream, most)).map((line) => line.toString())
const ended = (...chunks: (string | Buffer)[]): PassThrough & TerminalInput => {
  const stream = input(...chunks)
  stream.end()
  return stream
}

describe('passwords on standard input', () => {
  it('are one a line; the end of the line is taken off and nothing else', async () => {
    expect(await lines(ended('secret\n'), 1)).toEqual(['secret'])
    expect(await lines(ended('secret'), 1)).toEqual(['secret'])
    expect(await lines(ended(' two words \r\n'), 1)).toEqual([' two words '])
    expect(await lines(ended('old\nnew\n'), 2)).toEqual(['old', 'new'])
    expect(await lines(ended('old\r\nnew'), 2)).toEqual(['old', 'new'])
    expect(await lines(ended('only\n'), 2)).toEqual(['only'])
    expect(await lines(ended('a\rb\n'), 1)).toEqual(['a\rb'])
    expect(await lines(ended('\nsecond\n'), 2)).toEqual(['', 'second'])
  })

  it('are whole however they come in pieces, letters of several bytes too', async () => {
    const bytes = Buffer.from('pä\nß\n')
    expect(await lines(ended(...[...bytes].map((byte) => Buffer.from([byte]))), 2)).toEqual(['pä', 'ß'])
  })

  it('are there as soon as there are enough lines, though the pipe stays open', async () => {
    expect(await lines(input('secret\nmore'), 1)).toEqual(['secret'])
    expect(await lines(input('old\nnew\n'), 2)).toEqual(['old', 'new'])
  })

  it('are missing from an empty pipe, and that is wrong use', async () => {
    expect(await codeOf(readPasswordLines(ended(), 1))).toBe('usage')
  })

  it('end somewhere, however long the pipe goes on', async () => {
    const [line] = await readPasswordLines(input(Buffer.alloc(1_000_000, 'a')), 1)
    expect(line?.length).toBeLessThan(10_000)
  })
})
