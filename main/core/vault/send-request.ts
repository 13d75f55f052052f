/**
 * One HTTP request to a vault and its whole answer. Whoever answers may be hostile: the answer is bounded in size and
 * time, no redirect is followed, and no name may lead to this computer's own network unless the person said so.
 */
import { type LookupAddress, type LookupAllOptions, lookup as systemLookup } from 'node:dns'
import http from 'node:http'
import https from 'node:https'
import type { LookupFunction } from 'node:net'
import { CofferError } from '../../../contract/errors.ts'
import { BadAnswer, NoAnswer, type VaultAnswer, type VaultRequest } from './request.ts'
import { type Reach, reach } from './reach.ts'

/** See Network.send. */
export function sendRequest(request: VaultRequest): Promise<VaultAnswer> {
  const { method, headers, body, near } = request
  const url = new URL(request.url)
  const secure = url.protocol === 'https:'
  return new Promise<VaultAnswer>((resolve, reject) => {
    let sent = false
    const outgoing = (secure ? https : http).request(url, {
      method,
      headers: { ...headers, accept: 'application/json', 'content-length': body.length },
      agent: false,
      lookup: guardedLookup(reach(url.hostname), near),
      // Said outright, since NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise turn it off.
      ...(secure ? { rejectUnauthorized: true } : {}),
    })
    const timer = setTimeout(
      () => end(new NoAnswer('It did not answer in time.', { sent })),
      Math.max(1, request.deadlineMs),
    )
    const aborted = (): void => end(request.signal?.reason)
    const end = (error: unknown): void => {
      clearTimeout(timer)
      request.signal?.removeEventListener('abort', aborted)
      reject(error)
      outgoing.destroy()
    }
    if (request.signal?.aborted) return aborted()
    request.signal?.addEventListener('abort', aborted)
    // Before the connection stands nothing has left this computer.
    outgoing.on('socket', (socket) => socket.once(secure ? 'secureConnect' : 'connect', () => (sent = true)))
    outgoing.on('error', (error) => end(lost(error, sent)))
    outgoing.on('response', (incoming) => {
      collect(incoming, request.maxBytes).then(
        (bytes) => {
          clearTimeout(timer)
          request.signal?.removeEventListener('abort', aborted)
          const type = incoming.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
          resolve({ status: incoming.statusCode ?? 0, type, body: bytes })
        },
        (error: unknown) => end(error instanceof BadAnswer ? error : lost(error, true)),
      )
    })
    outgoing.end(body)
  })
}

/** The body, refused as soon as it is longer than promised or allowed. */
async function collect(incoming: http.IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (incoming.headers['content-encoding'] !== undefined) throw new BadAnswer('Its answer is packed in an unknown way.')
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of incoming) {
    // No encoding is set, so streams of bytes give bytes.
    const bytes = chunk as Buffer
    length += bytes.length
    if (length > maxBytes) throw new BadAnswer('Its answer does not end.')
    chunks.push(bytes)
  }
  // Cut off before the length it announced: a lost answer, not a short one.
  if (!incoming.complete) throw new NoAnswer('Its answer was cut off.', { sent: true })
  return Buffer.concat(chunks)
}

function lost(error: unknown, sent: boolean): Error {
  if (error instanceof NoAnswer || error instanceof CofferError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code.startsWith('HPE_')) return new BadAnswer('It does not speak HTTP.')
  return new NoAnswer(said(code), { sent })
}

/** Why, in words: what the system says of hosts, ports and certificates helps few. */
function said(code: string): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'Its name is not known here.'
  if (code === 'ECONNREFUSED') return 'Nothing answers at this address.'
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'The connection broke off.'
  if (/CERT|SIGNATURE|TLS|SSL|ISSUER/.test(code))
    return `Its certificate is not one that this computer trusts (${code}).`
  return code === '' ? 'The connection failed.' : `The connection failed (${code}).`
}

export type SystemLookup = (
  hostname: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
) => void

/** Names are looked up as the system does it; what they lead to is held against what the name itself promised. */
export function guardedLookup(named: Reach, near: boolean, lookup: SystemLookup = systemLookup): LookupFunction {
  return (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return done(error, [])
      const odd = found.find(({ address }) => !allowed(named, reach(address), near))
      if (odd) {
        const reason = `Its name leads to ${odd.address}, which is in this computer’s own network.`
        return done(new CofferError('vault_not_confirmed', { vault: hostname, reason }), [])
      }
      const [first] = found
      if (options.all) done(null, found)
      else done(null, first?.address ?? '', first?.family)
    })
  }
}

function allowed(named: Reach, found: Reach, near: boolean): boolean {
  if (named === 'loopback') return found === 'loopback'
  return found === 'public' || near
}
