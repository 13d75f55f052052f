/** The vault's end of one token process: starts it, asks it, and ends it when it fails to answer. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { KeystoreUnavailable, KeystoreWrong, SealRefused } from './keystore.ts'
import {
  type Answer,
  MissingKey,
  type Question,
  type TokenCalls,
  TokenFailed,
  TokenLate,
  type Trouble,
} from './token-call.ts'

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const program = fileURLToPath(new URL(`./token-process.${extension}`, import.meta.url))

export type Ask = <K extends keyof TokenCalls>(
  name: K,
  ...args: Parameters<TokenCalls[K]>
) => Promise<Awaited<ReturnType<TokenCalls[K]>>>

export interface TokenLink {
  /** The errors are keystore.ts's, MissingKey and TokenFailed. */
  ask: Ask
  /** How many questions wait for their answers. */
  waiting(): number
  /** False once the process ended, or was ended because it gave no answer in time. */
  alive(): boolean
  /** Lets the process log out, and ends it if it does not. */
  end(): Promise<void>
}

/** Starts the process. Whatever it does not answer within `timeoutMs` ends it. */
export function startLink(timeoutMs: number): TokenLink {
  const { COFFER_VAULT_PIN: _, ...env } = process.env
  const child = fork(program, [], {
    env,
    execArgv: [],
    // Bytes stay bytes.
    serialization: 'advanced',
    // The library may say something that helps its operator.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const waiting = new Map<number, { done: (answer: Answer) => void; failed: (error: Error) => void }>()
  let alive = true
  let count = 0
  let timer: NodeJS.Timeout | undefined

  const give = (reason: Error) => {
    if (!alive) return
    alive = false
    clearTimeout(timer)
    child.kill('SIGKILL')
    for (const { failed } of waiting.values()) failed(reason)
    waiting.clear()
  }
  /** The process does one thing after the other: as long as answers come, it is well. */
  const watch = () => {
    clearTimeout(timer)
    if (alive && waiting.size > 0)
      timer = setTimeout(() => give(new TokenLate(`no answer within ${timeoutMs} ms`)), timeoutMs)
  }
  child.on('message', (answers: readonly Answer[]) => {
    for (const answer of answers) {
      const asked = waiting.get(answer.id)
      waiting.delete(answer.id)
      asked?.done(answer)
    }
    watch()
  })
  child.once('error', ({ message }) => give(new TokenFailed(`its process failed (${message})`)))
  child.once('exit', (code, signal) => give(new TokenFailed(`its process ended (${signal ?? code})`)))

  // What is asked in one turn goes in one message: a group asks dozens of things at once, and each message costs more
  // than what it asks for.
  let questions: Question[] = []
  const send = () => {
    const asked = questions
    questions = []
    if (alive) child.send(asked, (error) => error && give(new TokenFailed('its process ended')))
  }

  const ask = (name: Question['name'], ...args: unknown[]) =>
    new Promise<Answer>((done, failed) => {
      if (!alive) return failed(new TokenFailed('its process ended'))
      const id = ++count
      waiting.set(id, { done, failed })
      if (waiting.size === 1) watch()
      if (questions.length === 0) queueMicrotask(send)
      questions.push({ id, name, args })
    }).then((answer) => {
      if ('trouble' in answer) throw errorOf(answer.trouble)
      return answer.value
    })
  return {
    // What token-process.ts answers has the type that TokenCalls gives for the name.
    ask: ask as Ask,
    waiting: () => waiting.size,
    alive: () => alive,
    end: () => endProcess(child, timeoutMs),
  }
}

async function endProcess(child: ChildProcess, timeoutMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  const timer = setTimeout(() => child.kill('SIGKILL'), Math.min(timeoutMs, 2000))
  if (child.connected) child.disconnect()
  await exit
  clearTimeout(timer)
}

function errorOf(trouble: Trouble): Error {
  switch (trouble.kind) {
    case 'wrong':
      return new KeystoreWrong(trouble.said)
    case 'unavailable':
      return new KeystoreUnavailable(trouble.said)
    case 'refused':
      return new SealRefused(trouble.said)
    case 'missing':
      return new MissingKey(trouble.epochs)
    case 'failed':
      return new TokenFailed(trouble.said)
  }
}
