/** What only shows on a real terminal: the prompt, the bar, and Ctrl-C. util-linux's `script` lends one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeMedia } from '../fixtures/make-media.ts'
import { makeWhatsAppAndroid } from '../fixtures/make-whatsapp-android.ts'
import { newPerson, type Person } from './command-line.ts'
import { hasScript, typeAt, type TypedAnswer } from './lent-terminal.ts'

let person: Person
let digits: string
beforeAll(async () => {
  person = newPerson()
  await person.coffer('init', 'archive', '--key-out', 'key.txt', '--no-keychain')
  digits = readFileSync(join(person.folder, 'key.txt'), 'utf8').split('\n', 1)[0] ?? ''
  const { media } = makeWhatsAppAndroid(join(person.folder, 'msgstore.db'), {
    messages: 2_000,
    // Enough that sealing it takes a moment on any machine: Ctrl-C has to come in between.
    media: { files: 60, bytes: 80_000_000 },
  })
  makeMedia(person.folder, media, 1)
})
afterAll(() => {
  person.leave()
})

const onTerminal = (command: string, ...answers: TypedAnswer[]) => typeAt(person, command, ...answers)
const asked = /key of this archive:\r?\n/

describe.skipIf(!hasScript)('on a terminal', () => {
  it('asks for the key, takes a paste of several lines, and shows no digit of it', async () => {
    const pasted = digits.replace(/((?:\w{4} ){4})/g, '$1\r')
    const { code, screen } = await onTerminal('key check archive', { when: asked, type: `${pasted}\r` })
    expect([code, screen]).toEqual([0, expect.stringContaining('This is the right key')])
    expect(screen).toContain('•••• ••••')
    for (const group of digits.split(' ')) expect(screen).not.toContain(group)
  })

  it('asks again after a slip, and says where it is', async () => {
    const { code, screen } = await onTerminal(
      'key check archive',
      { when: asked, type: `${digits.slice(0, -1)}O\r\r` },
      { when: asked, type: `${digits}\r` },
    )
    expect(screen).toContain('Group 16, position 4')
    expect(code).toBe(0)
  })

  it('is given up with Ctrl-C at the prompt', async () => {
    const { code, screen } = await onTerminal('key check archive', { when: asked, type: '\u0003' })
    expect([code, screen]).toEqual([130, expect.stringContaining('Cancelled.')])
  })

  it('draws a bar while it works, and leaves only the result', async () => {
    const { code, screen } = await onTerminal('backup msgstore.db archive --key-file key.txt --json')
    expect(code).toBe(0)
    expect(screen).toMatch(/\rSealing +[█░]{20} +\d+ %/)
    const last = screen.slice(screen.lastIndexOf('\x1b[K') + 3)
    expect(JSON.parse(last)).toMatchObject({ seq: 1 })
  })
})

describe('Ctrl-C during a backup', () => {
  it('ends it with 130, leaves the archive as it was, and the next run goes on', async () => {
    await person.coffer('init', 'archive2', '--key-out', 'key2.txt', '--no-keychain')
    const { child, ended } = person.start(['backup', 'msgstore.db', 'archive2', '--key-file', 'key2.txt'])
    child.stderr?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('Sealing')) child.kill('SIGINT')
    })
    const { code, stdout, stderr } = await ended
    expect([code, stdout, stderr]).toEqual([130, '', expect.stringContaining('Cancelled.')])
    const none = await person.coffer('restore', 'archive2', 'x', '--key-file', 'key2.txt', '--json')
    expect(none.json).toMatchObject({ error: { code: 'no_snapshots' } })
    const again = await person.coffer('backup', 'msgstore.db', 'archive2', '--key-file', 'key2.txt', '--json')
    expect([again.code, again.json]).toMatchObject([0, { seq: 1, warnings: [] }])
  })
})
