import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { askForPassword } from '../../../main/cli/ask-password.ts'
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
  async ask(...chunks: (string | Buffer)[]): Promise<string> {
    const answer = askForPassword(this, this, 'Password:')
    for (const chunk of chunks) this.emit('data', Buffer.from(chunk))
    return (await answer).toString()
  }
}

describe('asking for a password on a terminal', () => {
  it('shows a bullet for each character and never what was typed', async () => {
    const terminal = new FakeTerminal()
    expect(await terminal.ask(...'pä ß🔑', '\r')).toBe('pä ß🔑')
    expect(terminal.written).toBe('Password: •••••\n')
    expect(terminal.raw).toEqual([true, false])
  })

  it('lets mistakes be taken back, one or all', async () => {
    const terminal = new FakeTerminal()
    expect(await terminal.ask('abx', '\u007f', 'c\r')).toBe('abc')
    expect(await new FakeTerminal().ask('wrong', '\u0015', 'right\r')).toBe('right')
    expect(await new FakeTerminal().ask('\u007f', '\b', 'a\r')).toBe('a')
  })

  it('takes letters of several bytes in pieces, and leaves out arrow keys and the marks around a paste', async () => {
    expect(await new FakeTerminal().ask(...[...Buffer.from('pä\r')].map((byte) => Buffer.from([byte])))).toBe('pä')
    expect(await new FakeTerminal().ask('\x1b[200~abc', '\x1b[D', '\x1b[201~', '\r')).toBe('abc')
  })

  it('ends with Enter alone: empty, for whoever would rather type the key', async () => {
    expect(await new FakeTerminal().ask('\r')).toBe('')
  })

  it('is cancelled by Ctrl-C and Ctrl-D, and gives the terminal back', async () => {
    for (const key of ['\u0003', '\u0004']) {
      const terminal = new FakeTerminal()
      expect(await codeOf(terminal.ask('abc', key))).toBe('cancelled')
      expect(terminal.raw).toEqual([true, false])
    }
  })
})
