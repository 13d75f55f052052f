/** OPAQUE's server side (RFC 9807, @serenity-kit/opaque), in a few threads. */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import * as opaque from '@serenity-kit/opaque'
import type { OpaqueAnswer, OpaqueTask } from './opaque-task.ts'

/** What it was given is no message of OPAQUE's: not a point of the group, for example. */
export class OpaqueRefused extends Error {}

interface Waiting {
  task: OpaqueTask
  resolve: (answer: OpaqueAnswer) => void
  reject: (error: Error) => void
}

export class OpaquePool {
  private readonly workers = new Map<Worker, Map<number, Waiting>>()
  private next = 0
  private closed = false
  constructor(threads: number) {
    for (let thread = 0; thread < threads; thread++) this.start()
  }

  /** A fresh server setup and its answer to a registration request. OpaqueRefused. */
  async register(rid: string, request: string): Promise<{ setup: string; response: string }> {
    const answer = await this.run({ kind: 'register', rid, request })
    if (!('setup' in answer)) throw new OpaqueRefused()
    return answer
  }

  /** The second message. Call only after the guess was charged. OpaqueRefused. */
  async login(task: Omit<Extract<OpaqueTask, { kind: 'login' }>, 'kind'>): Promise<{ state: string; message: string }> {
    const answer = await this.run({ kind: 'login', ...task })
    if (!('state' in answer)) throw new OpaqueRefused()
    return answer
  }

  /** OpaqueRefused for a registration record that no login could ever be evaluated with. Evaluates nobody's message. */
  async check(it: { rid: string; fingerprint: string; setup: string; registration: string }): Promise<void> {
    await opaque.ready
    const { startLoginRequest } = opaque.client.startLogin({ password: '' })
    await this.login({ ...it, message: startLoginRequest })
  }

  async close(): Promise<void> {
    this.closed = true
    await Promise.all([...this.workers.keys()].map((worker) => worker.terminate()))
  }

  protected run(task: OpaqueTask): Promise<OpaqueAnswer> {
    return new Promise((resolve, reject) => {
      const idlest = [...this.workers].sort(([, a], [, b]) => a.size - b.size)[0]
      if (!idlest) return reject(new Error('the threads have ended'))
      const [worker, waiting] = idlest
      const id = this.next++
      waiting.set(id, { task, resolve, reject })
      worker.postMessage({ id, task })
    })
  }

  private start(): void {
    // Beside this file, as source and when built.
    const file = new URL(`./opaque-worker${extname(import.meta.url)}`, import.meta.url)
    const worker = new Worker(file)
    const waiting = new Map<number, Waiting>()
    this.workers.set(worker, waiting)
    worker.on('message', ({ id, answer }: { id: number; answer: OpaqueAnswer }) => {
      waiting.get(id)?.resolve(answer)
      waiting.delete(id)
    })
    worker.once('error', () => undefined)
    worker.once('exit', () => {
      this.workers.delete(worker)
      for (const { reject } of waiting.values()) reject(new Error('an OPAQUE thread has ended'))
      if (!this.closed) this.start()
    })
  }
}

/** The session key if the third message is right; undefined if it is not. Takes no time worth a thread. */
export async function verifyThird(it: {
  state: string
  message: string
  rid: string
  fingerprint: string
}): Promise<string | undefined> {
  await opaque.ready
  try {
    return opaque.server.finishLogin({
      serverLoginState: it.state,
      finishLoginRequest: it.message,
      identifiers: { client: it.rid, server: it.fingerprint },
    }).sessionKey
  } catch {
    return undefined
  }
}
