/** Asking for a password on a terminal. A bullet stands for each character; pasting works. */
import { CofferError } from '../../contract/errors.ts'
import type { TerminalInput, TerminalOutput } from './ask-key.ts'

const maxTyped = 1024

/** What the person typed up to Enter, as UTF-8. Throws cancelled on Ctrl-C and Ctrl-D. */
export async function askForPassword(input: TerminalInput, output: TerminalOutput, question: string): Promise<Buffer> {
  try {
    // Silent before the question is there: whoever answers at once would otherwise see the terminal echo it.
    input.setRawMode(true)
    output.write(`${question} `)
    input.resume()
    return Buffer.from(await typed(input, output))
  } finally {
    input.setRawMode(false)
    input.pause()
    output.write('\n')
  }
}

function typed(input: TerminalInput, output: TerminalOutput): Promise<string> {
  return new Promise((resolve, reject) => {
    let text: string[] = []
    // A character of several bytes may come in two chunks.
    const decoder = new TextDecoder('utf-8')
    const finish = (settle: () => void): void => {
      input.off('data', take)
      settle()
    }
    const take = (chunk: Buffer): void => {
      // Arrow keys, and the markers some terminals put around what is pasted.
      const characters = decoder.decode(chunk, { stream: true }).replace(/\x1b\[[0-9;]*[~A-Za-z]/g, '')
      chunk.fill(0)
      for (const character of characters) {
        if (character === '\u0003' || character === '\u0004') return finish(() => reject(new CofferError('cancelled')))
        if (character === '\r' || character === '\n') return finish(() => resolve(text.join('')))
        if (character === '\u007f' || character === '\b') {
          if (text.pop() !== undefined) output.write('\b \b')
        } else if (character === '\u0015') {
          output.write('\b \b'.repeat(text.length))
          text = []
        } else if (character >= ' ' && text.length < maxTyped) {
          text.push(character)
          output.write('•')
        }
      }
    }
    input.on('data', take)
  })
}
