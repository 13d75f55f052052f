/** The passwords that a command needs: from standard input, or from the person at the terminal. */
import { CofferError } from '../../contract/errors.ts'
import { readPasswordLines } from './password-lines.ts'
import type { Desk } from './perform.ts'

/** How often two passwords that differ may be typed again. */
const attempts = 3

/** A new password: the only line of standard input, or typed twice. Errors: usage, cancelled. */
export async function newPassword(desk: Desk, { stdin }: { stdin: boolean }): Promise<Buffer> {
  if (stdin) return await oneLine(desk)
  if (!desk.askPassword)
    throw new CofferError('usage', { reason: 'A password is needed: give it on standard input with --password-stdin.' })
  return await typedTwice(desk.askPassword, desk.note)
}

/** The first line of standard input. Errors: usage. */
export async function oneLine({ world }: Desk): Promise<Buffer> {
  const [password] = await readPasswordLines(world.stdin, 1)
  // There is a line, or reading would have said so.
  return password ?? Buffer.alloc(0)
}

/** One line is the new password; of two, the first is the old one. Errors: usage. */
export async function oldAndNew({ world }: Desk): Promise<{ old: Buffer | undefined; fresh: Buffer }> {
  const [first = Buffer.alloc(0), second] = await readPasswordLines(world.stdin, 2)
  return second ? { old: first, fresh: second } : { old: undefined, fresh: first }
}

async function typedTwice(ask: (question: string) => Promise<Buffer>, note: (text: string) => void): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    const first = await ask('New password:')
    const again = await ask('The same again:')
    const same = first.equals(again)
    again.fill(0)
    if (same) return first
    first.fill(0)
    if (attempt === attempts) throw new CofferError('usage', { reason: 'The two passwords differ.' })
    note('The two differ. Please type it again.')
  }
}
