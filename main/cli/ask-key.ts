/**
 * Asking for the 64-digit key on a terminal. What is typed or pasted is never shown: a bullet stands for each digit,
 * in groups of four, so that a long key can still be typed without losing one's place.
 */
import { CofferError } from '../../contract/errors.ts'

export interface TerminalInput {
  isTTY?: boolean | undefined
  setRawMode(raw: boolean): unknown
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  on(event: 'end', listener: () => void): unknown
  off(event: 'data', listener: (chunk: Buffer) => void): unknown
  off(event: 'end', listener: () => void): unknown
  resume(): unknown
  pause(): unknown
}

export interface TerminalOutput {
  write(text: string): unknown
}

const digitCount = 64
/** No key, however it is written, has this many characters; it bounds a paste gone wrong. */
const maxTyped = 4096

/**
 * What the person typed up to Enter. Line breaks within a pasted key do not end it: Enter counts once 64 digits are
 * there, or when it is pressed on an empty line. Throws cancelled on Ctrl-C and Ctrl-D.
 */
export async function askForKey(input: TerminalInput, output: TerminalOutput, question: string): Promise<string> {
  const typed = new Typed(output)
  try {
    // Silent before the question is there: whoever answers at once would otherwise see the terminal echo the key.
    input.setRawMode(true)
    output.write(`${question}\n`)
    input.resume()
    return await new Promise<string>((resolve, reject) => {
      const listener = (chunk: Buffer): void => {
        const end = typed.take(chunk.toString('utf8'))
        chunk.fill(0)
        if (end === 'more') return
        input.off('data', listener)
        if (end === 'done') resolve(typed.text)
        else reject(new CofferError('cancelled'))
      }
      input.on('data', listener)
    })
  } finally {
    input.setRawMode(false)
    input.pause()
    output.write('\n')
  }
}

/** The line as typed so far, and its bullets on the screen. */
class Typed {
  text = ''
  readonly #output: TerminalOutput
  #lineIsEmpty = true

  constructor(output: TerminalOutput) {
    this.#output = output
  }

  take(chunk: string): 'more' | 'done' | 'cancelled' {
    // A terminal wraps what is pasted in markers where a program asks for them; arrow keys send sequences too.

    for (const character of chunk.replace(/\x1b\[[0-9;]*[~A-Za-z]/g, '')) {
      if (character === '\u0003' || character === '\u0004') return 'cancelled'
      if (character === '\r' || character === '\n') {
        // A key pressed comes alone; empty lines in a paste come with the rest of it.
        const pressed = this.#lineIsEmpty && chunk.length === 1
        if (this.#digits() >= digitCount || pressed) return 'done'
        this.text += '\n'
        this.#lineIsEmpty = true
      } else if (character === '\u007f' || character === '\b') {
        this.#erase()
      } else if (character === '\u0015') {
        while (this.text !== '') this.#erase()
      } else if (character >= ' ' && this.text.length < maxTyped) {
        this.#add(character)
      }
    }
    return 'more'
  }

  #add(character: string): void {
    this.text += character
    this.#lineIsEmpty = false
    // Only what counts is shown: spaces and dashes between groups are drawn, not echoed.
    if (isDigit(character)) this.#output.write(bullet(this.#digits()))
  }

  #erase(): void {
    const characters = [...this.text]
    const last = characters.at(-1)
    if (last === undefined) return
    const drawn = isDigit(last) ? bullet(this.#digits()).length : 0
    this.text = characters.slice(0, -1).join('')
    if (drawn > 0) this.#output.write('\b \b'.repeat(drawn))
  }

  #digits(): number {
    return [...this.text].filter(isDigit).length
  }
}

/** Anything that is not a separator: a slip such as O for 0 takes a place as well, and is named afterwards. */
function isDigit(character: string): boolean {
  return !/^[\s\p{Pd}\p{Cf}]$/u.test(character)
}

/** The bullet of the n-th digit, with the gap before each group but the first. */
function bullet(n: number): string {
  return n > 1 && n % 4 === 1 ? ' •' : '•'
}
