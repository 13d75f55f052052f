/**
 * One call to the keychain, in a process of its own.
 *
 * Question (its standard input): one line of JSON, then the key's 32 bytes when one is to be kept. Answer (its
 * standard output): one line of JSON, then the key's 32 bytes when one was asked for. The key crosses by pipe, never
 * by argument or environment, which other programs of the same user can read.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { z } from 'zod'
import { isTrouble, type Trouble, unavailable } from './keychain-trouble.ts'
import { holdSecret, lockedBuffer, type Secret, secretBytes, wipe, withSecret } from './secret.ts'

/** No question and no answer is longer than this many bytes. */
export const maxMessage = 1024

export const Call = z.strictObject({
  action: z.enum(['get', 'has', 'set', 'delete']),
  archiveId: z.string().min(1).max(200),
})
export type Call = z.infer<typeof Call>

/** `found`: there is an entry (get, has, set), or there was one (delete). */
const Answer = z.union([
  z.strictObject({ found: z.boolean() }),
  z.strictObject({ trouble: z.custom<Trouble>(isTrouble), said: z.string().max(200).optional() }),
])
export type Answer = z.infer<typeof Answer>

export interface Program {
  file: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
  /** Milliseconds until the call is given up. */
  timeoutMs: number
}

/** Starts the program, asks, and kills it if it has not answered in time. Gives keychain_unavailable. */
export async function askProgram(
  program: Program,
  call: Call,
  key?: Secret,
): Promise<{ found: boolean; key?: Secret }> {
  const question = writeMessage(call, key)
  const child = spawn(program.file, program.args, {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: program.env,
    windowsHide: true,
  })
  try {
    const answer = await exchange(child, question, program.timeoutMs)
    try {
      return readAnswer(answer)
    } finally {
      wipe(answer)
    }
  } finally {
    wipe(question)
    child.kill('SIGKILL')
  }
}

/** A line of JSON and, where there is one, the key. The caller wipes it. */
export function writeMessage(line: Call | Answer, key?: Secret): Buffer {
  const head = Buffer.from(`${JSON.stringify(line)}\n`)
  if (!key) return head
  const message = lockedBuffer(head.length + secretBytes)
  message.set(head)
  withSecret(key, (bytes) => message.set(bytes, head.length))
  return message
}

/** The parts of a message: the line's JSON, not yet checked, and the bytes after it. Undefined before it is whole. */
export function readMessage(message: Buffer): { line: unknown; rest: Buffer } | undefined {
  const end = message.indexOf('\n')
  if (end < 0) return undefined
  return { line: parseLine(message.toString('utf8', 0, end)), rest: message.subarray(end + 1) }
}

/** Undefined for what is not JSON: a schema refuses that like anything else it does not know. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Collects what comes from a pipe into locked memory, and wipes the pipe's own chunks. */
export function collect(): { add: (chunk: Buffer) => boolean; soFar: () => Buffer; clear: () => void } {
  const room = lockedBuffer(maxMessage)
  let length = 0
  return {
    add(chunk) {
      const fits = length + chunk.length <= room.length
      if (fits) room.set(chunk, length)
      length += fits ? chunk.length : 0
      wipe(chunk)
      return fits
    },
    soFar: () => room.subarray(0, length),
    clear: () => wipe(room),
  }
}

/** The whole answer, in locked memory that the caller wipes. */
function exchange(child: ChildProcess, question: Buffer, timeoutMs: number): Promise<Buffer> {
  const answer = collect()
  return new Promise<Buffer>((resolve, reject) => {
    const timer = setTimeout(() => fail('timed_out'), timeoutMs)
    const fail = (trouble: Trouble) => {
      clearTimeout(timer)
      child.stdin?.destroy()
      child.stdout?.destroy()
      reject(unavailable(trouble))
    }
    child.once('error', () => fail('not_started'))
    child.stdout?.on('data', (chunk: Buffer) => {
      if (!answer.add(chunk)) fail('crashed')
    })
    child.once('close', (status) => {
      if (status !== 0) return fail('crashed')
      clearTimeout(timer)
      const bytes = lockedBuffer(answer.soFar().length)
      bytes.set(answer.soFar())
      resolve(bytes)
    })
    // One that ends early closes its input before it has read it; `close` tells.
    child.stdin?.on('error', () => undefined)
    // Left open until the answer is here: that is how the other side knows that somebody still waits for it.
    child.stdin?.write(question)
  }).finally(() => answer.clear())
}

function readAnswer(bytes: Buffer): { found: boolean; key?: Secret } {
  const message = readMessage(bytes)
  const answer = Answer.safeParse(message?.line)
  if (!message || !answer.success) throw unavailable('crashed')
  if ('trouble' in answer.data) throw unavailable(answer.data.trouble, answer.data.said)
  const { found } = answer.data
  if (message.rest.length === 0) return { found }
  if (message.rest.length !== secretBytes) throw unavailable('crashed')
  // `rest` is part of the answer, which is wiped by who called.
  const key = lockedBuffer(secretBytes)
  key.set(message.rest)
  return { found, key: holdSecret(key) }
}
