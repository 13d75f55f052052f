/** A thread that owns a store's SQLite connections, so that counting a million messages never blocks the caller. */
import { Worker } from 'node:worker_threads'
import { CofferError } from '../../../contract/errors.ts'
import type { StoreOperation, StoreReply, StoreRequest, StoreWork } from './store-work.ts'

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

export class StoreThread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #next = 1
  #ended: Error | undefined

  constructor() {
    // From a checkout this file is TypeScript and so is the worker; built, both are JavaScript.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    this.#worker = new Worker(new URL(`./store-worker.${extension}`, import.meta.url), { name: 'store' })
    this.#worker.unref()
    this.#worker.on('message', (reply: StoreReply) => this.#settle(reply))
    this.#worker.on('error', (error) => this.#end(error instanceof Error ? error : new Error(String(error))))
    this.#worker.on('exit', (code) => this.#end(new Error(`the store's thread ended with ${code}`)))
  }

  /** Asks for one thing; operations run one after the other. Throws what the thread met: a CofferError if expected. */
  ask<O extends StoreOperation>(operation: O, input: StoreWork[O]['input']): Promise<StoreWork[O]['output']> {
    if (this.#ended) return Promise.reject(this.#ended)
    const request: StoreRequest = { id: this.#next++, operation, input }
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(request.id, { resolve, reject }))
    if (this.#waiting.size === 1) this.#worker.ref()
    this.#worker.postMessage(request)
    // The worker answers an operation with its own output: store-worker.ts is typed by the same table.
    return answer as Promise<StoreWork[O]['output']>
  }

  /** Closes its connections and ends it. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#ended) return
    await this.ask('closeAll', null).catch(() => undefined)
    this.#ended = new Error("the store's thread was closed")
    await this.#worker.terminate()
  }

  #settle(reply: StoreReply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (this.#waiting.size === 0) this.#worker.unref()
    if (reply.ok) waiting?.resolve(reply.value)
    else if (reply.code === null) waiting?.reject(new Error(reply.message))
    else waiting?.reject(new CofferError(reply.code, reply.detail))
  }

  #end(error: Error): void {
    this.#ended ??= error
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended)
    this.#waiting.clear()
  }
}
