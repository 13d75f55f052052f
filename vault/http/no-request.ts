/**
 * What arrives and is no HTTP request, is too long in its headers or takes too long: one refusal, and the connection
 * ends. Node hands these over as a bare socket, before there is a request that anything else could answer.
 */
import type { Server } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type RefusalCode, refusalCodes } from '../../contract/vault.ts'
import { Refused } from '../service/refused.ts'

const answering = new WeakMap<object, number>()

/** Keeps count of the requests on each connection that have not been answered yet. */
export function noteAnswering(server: Pick<Server, 'on'>): void {
  server.on('request', ({ socket }, response) => {
    answering.set(socket, (answering.get(socket) ?? 0) + 1)
    response.once('close', () => answering.set(socket, (answering.get(socket) ?? 1) - 1))
  })
  // Node's own answer to an expectation that it does not know has no body.
  server.on('checkExpectation', (_request, response) => {
    const { status, headers, body } = refusal('bad_request')
    response.writeHead(status, headers).end(body)
  })
}

export function answerNoRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  // Where a request still waits for its answer, these bytes would be taken for that. Its sender asks again.
  if (socket.writable && (answering.get(socket) ?? 0) === 0) {
    const { status, headers, body } = refusal(error.code === 'HPE_HEADER_OVERFLOW' ? 'too_large' : 'bad_request')
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`)
  }
  socket.destroySoon()
}

function refusal(code: RefusalCode): { status: number; headers: Record<string, string>; body: string } {
  const { message } = new Refused(code)
  const body = JSON.stringify({ code, message })
  const length = String(Buffer.byteLength(body))
  const headers = { connection: 'close', 'content-type': 'application/json', 'content-length': length }
  return { status: refusalCodes[code], headers, body }
}
