import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { askForKey } from '../../../main/cli/ask-key.ts'
import { codeOf } from '../destinations/looking.ts'

/** Stands in for a terminal: hands over what is "typed". It does not show how a real one echoes or wraps. */
class FakeTerminal extends EventEmitter {
  raw: boolean[] = []
  written = ''
  setRawMode(raw: boolean): void {
    this.raw.push(raw)
  }
  resume(): void {}
  pause(): void {}
  write(text: string): void {
    this.written += text
  }
  async ask(...chunks: string[]): Promise<string> {
    const answer = askForKey(this, this, 'The key:')
    for (const chunk of chunks) this.emit('data', Buffer.from(chunk))
    return await answer
  }
}

const groups = Array.from({ length: 16 }, (_, i) => `${i.toString(16)}a1f`)
const shown = Array.from({ length: 16 }, () => '••••').join(' ')

describe('asking for the key on a terminal', () => {
  it('shows a bullet for each digit, in groups of four, and never a digit', async () => {
    const terminal = new FakeTerminal()
    expect(await terminal.ask(...groups.join(''), '\r')).toBe(groups.join(''))
    expect(terminal.written).toBe(`The key:\n${shown}\n`)
    expect(terminal.raw).toEqual([true, false])
  })

  it('takes a paste of several lines as one key, however it is grouped', async () => {
    for (const between of [' ', '\r', '\n', '\r\n', ' - ', '–', '\t', '\n\n']) {
      const terminal = new FakeTerminal()
      const answer = await terminal.ask(`${groups.join(between)}\r`)
      expect(answer.replace(/[^0-9a-f]/g, '')).toBe(groups.join(''))
      expect(terminal.written).toBe(`The key:\n${shown}\n`)
    }
  })

  it('leaves out the marks terminals put around a paste, and arrow keys', async () => {
    expect(await new FakeTerminal().ask('\x1b[200~abcd', '\x1b[D', '\x1b[201~', '\r', '\r')).toBe('abcd\n')
  })

  it('ends a key that is too short when Enter is pressed on an empty line', async () => {
    expect(await new FakeTerminal().ask('12', '\r', '34', '\r', '\r')).toBe('12\n34\n')
    expect(await new FakeTerminal().ask('\r')).toBe('')
  })

  it('rubs out what is rubbed out, on the screen as well', async () => {
    const terminal = new FakeTerminal()
    await terminal.ask('12345', '\u007f\u007f', '6', '\u0015', '\u007f', '9', '\r', '\r')
    const screen: string[] = []
    let at = 0
    for (const character of terminal.written.slice('The key:\n'.length, -1)) {
      if (character === '\b') at--
      else screen[at++] = character
    }
    expect(screen.join('').trimEnd()).toBe('•')
    expect(await new FakeTerminal().ask('12345', '\u007f\u007f', '6', '\u0015', '\u007f', '9', '\r', '\r')).toBe('9\n')
  })

  it('is given up with Ctrl-C or Ctrl-D, and leaves the terminal as it was', async () => {
    for (const end of ['\u0003', '\u0004']) {
      const terminal = new FakeTerminal()
      expect(await codeOf(terminal.ask('12', end))).toBe('cancelled')
      expect(terminal.raw).toEqual([true, false])
      expect(terminal.listenerCount('data')).toBe(0)
    }
  })

  it('does not grow with what is poured into it', async () => {
    expect(await new FakeTerminal().ask('x'.repeat(1_000_000), '\r')).toHaveLength(4096)
  })
})
