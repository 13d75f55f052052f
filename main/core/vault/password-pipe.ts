/**
 * How the program that works with a password and the one that started it talk: each message is one line of JSON, and
 * behind it as many secret bytes (a password, K) as the line says. They cross by pipe, never by argument or
 * environment, which other programs of the same user can read.
 */
import type { Readable, Writable } from 'node:stream'
import { z } from 'zod'
import { lockedBuffer, wipe } from '../keys/secret.ts'

/** No message is longer than this many bytes. */
const maxMessage = 16 * 1024
const Envelope = z.strictObject({ said: z.unknown(), bytes: z.number().int().min(0).max(maxMessage) })

export interface Message {
  said: unknown
  /** In locked memory; whoever receives it wipes it. */
  bytes: Buffer
}

/** Messages out of a pipe. What was read is wiped from the pipe's own chunks. */
export class MessageReader {
  readonly #room = lockedBuffer(maxMessage)
  #length = 0
  #ended = false
  #wake: (() => void) | undefined

  constructor(input: Readable) {
    input.on('data', (chunk: Buffer) => {
      // One that is too long is none: the reader sees the end.
      if (this.#length + chunk.length > this.#room.length) this.#ended = true
      else this.#room.set(chunk, this.#length)
      this.#length += this.#ended ? 0 : chunk.length
      wipe(chunk)
      this.#wake?.()
    })
    for (const event of ['end', 'close', 'error'] as const)
      input.once(event, () => {
        this.#ended = true
        this.#wake?.()
      })
  }

  /** The next one; undefined when there will be none, or what came is none. One call at a time. */
  async next(): Promise<Message | undefined> {
    for (;;) {
      const message = this.#take()
      if (message || this.#ended) return message
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  close(): void {
    wipe(this.#room)
    this.#length = 0
    this.#ended = true
    this.#wake?.()
  }

  #take(): Message | undefined {
    const end = this.#room.subarray(0, this.#length).indexOf('\n')
    if (end < 0) return undefined
    const envelope = Envelope.safeParse(parseJson(this.#room.toString('utf8', 0, end)))
    if (!envelope.success) {
      this.#ended = true
      return undefined
    }
    const { said, bytes: count } = envelope.data
    const whole = end + 1 + count
    if (this.#length < whole) return undefined
    const bytes = lockedBuffer(count)
    bytes.set(this.#room.subarray(end + 1, whole))
    this.#room.copyWithin(0, whole, this.#length)
    this.#room.fill(0, this.#length - whole, this.#length)
    this.#length -= whole
    return { said, bytes }
  }
}

/** Sends one; resolves when the pipe has taken it, and then its copy is wiped. A pipe nobody reads takes nothing. */
export async function writeMessage(
  output: Writable,
  said: unknown,
  bytes: Uint8Array = new Uint8Array(),
): Promise<void> {
  const line = Buffer.from(`${JSON.stringify({ said, bytes: bytes.length })}\n`)
  const message = lockedBuffer(line.length + bytes.length)
  message.set(line)
  message.set(bytes, line.length)
  await new Promise<void>((resolve) => void output.write(message, () => resolve()))
  wipe(message)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
