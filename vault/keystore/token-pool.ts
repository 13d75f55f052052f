/**
 * The token processes of a node: as many as there is work for, each with a session of its own, and new ones for those
 * that fail. A token that is gone is looked for again when somebody asks, at growing intervals; in between the calls
 * fail at once.
 */
import { KeystoreUnavailable, KeystoreWrong } from './keystore.ts'
import { TokenFailed, TokenLate } from './token-call.ts'
import type { Ask, TokenLink } from './token-link.ts'

export interface PoolLimits {
  /** The most processes, each about 45 MB. */
  processes: number
  /** How long after a token was looked for in vain it is looked for again: at first, and at most. */
  retryMs: { first: number; most: number }
  /** ms, of a clock that never goes back. */
  now: () => number
}

export interface TokenPool {
  /** For what may be done twice: asked again, in a fresh session, when the token failed. KeystoreUnavailable then. */
  ask: Ask
  /** For what must not be done twice. */
  askOnce: Ask
  /** From now on the node runs, and KeystoreWrong comes out as KeystoreUnavailable. */
  begin(): void
  /** Ends the processes. What is under way fails. */
  close(): Promise<void>
}

/** A link with this many questions before one's own is busy. */
const busy = 2

/** `connect` gives a link that is logged in to the right token. Its KeystoreWrong, later on, is not tried again. */
export function tokenPool(connect: () => Promise<TokenLink>, { processes, retryMs, now }: PoolLimits): TokenPool {
  let links: TokenLink[] = []
  let connecting: Promise<TokenLink> | undefined
  let closed = false
  let wait = 0
  let notBefore = 0
  let trouble = ''
  let running = false
  let wrong: KeystoreWrong | undefined

  function connectOne(): Promise<TokenLink> {
    if (wrong) return Promise.reject(wrong)
    if (now() < notBefore) return Promise.reject(new KeystoreUnavailable(trouble))
    connecting ??= connectNow().finally(() => {
      connecting = undefined
    })
    return connecting
  }

  async function connectNow(): Promise<TokenLink> {
    try {
      const link = await connect()
      if (closed) {
        await link.end()
        throw new KeystoreUnavailable('The keystore was closed.')
      }
      links.push(link)
      wait = 0
      return link
    } catch (error) {
      wait = wait === 0 ? retryMs.first : Math.min(wait * 2, retryMs.most)
      notBefore = now() + wait
      if (error instanceof KeystoreWrong) wrong = error
      trouble = error instanceof Error ? error.message : 'The token cannot be used.'
      throw error instanceof TokenFailed ? new KeystoreUnavailable(`The token does not answer: ${trouble}.`) : error
    }
  }

  async function pick(name: string): Promise<TokenLink> {
    if (closed) throw new KeystoreUnavailable('The keystore was closed.')
    links = links.filter((link) => link.alive())
    const [first, ...others] = links
    if (!first) return connectOne()
    // The process that made the anchor knows where it lies; another would have to look for it.
    if (name === 'writeAnchor') return first
    const least = others.reduce((a, b) => (b.waiting() < a.waiting() ? b : a), first)
    // Whether it comes about is not this call's concern.
    if (least.waiting() >= busy && links.length < processes) connectOne().catch(() => undefined)
    return least
  }

  async function attempt(tries: number, name: string, work: (ask: Ask) => Promise<unknown>): Promise<unknown> {
    for (;;) {
      const link = await pick(name)
      try {
        return await work(link.ask)
      } catch (error) {
        if (!(error instanceof TokenFailed)) throw error
        if (--tries > 0 && !(error instanceof TokenLate)) continue
        // A fresh session did not help, or there is no time for one: the library gets a fresh start.
        links = links.filter((other) => other !== link)
        void link.end()
        throw new KeystoreUnavailable(`The token does not answer: ${error.message}.`)
      }
    }
  }

  const asking =
    (tries: number) =>
    async (name: Parameters<Ask>[0], ...args: Parameters<Ask> extends [unknown, ...infer Rest] ? Rest : never) => {
      try {
        return await attempt(tries, name, (ask) => ask(name, ...args))
      } catch (error) {
        // Keys that were right when the node started are somebody's to put back: the node waits and says so.
        throw running && error instanceof KeystoreWrong ? new KeystoreUnavailable(error.message) : error
      }
    }
  return {
    // `ask` of a link gives what the name demands, and this only passes it on.
    ask: asking(2) as Ask,
    askOnce: asking(1) as Ask,
    begin() {
      running = true
    },
    async close() {
      closed = true
      await connecting?.catch(() => undefined)
      await Promise.all(links.map((link) => link.end()))
    },
  }
}
