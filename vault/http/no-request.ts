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
  // Node's own answer to an expectation that it does not know has no body.
  server.on('checkExpectation', (_request, response) => {
    const { status, body } = refusal('bad_request')
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(body)
  })
  server.on('request', ({ socket }, response) => {
    answering.set(socket, (answering.get(socket) ?? 0) + 1)
    response.once('close', () => answering.set(socket, (answering.get(socket) ?? 1) - 1))
  })
}

export function answerNoRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  // Where a request before it still waits, these bytes would be taken for that one's answer. Its sender asks again.
  if (socket.writable && (answering.get(socket) ?? 0) === 0) {
    const { status, body } = refusal(error.code === 'HPE_HEADER_OVERFLOW' ? 'too_large' : 'bad_request')
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\n` +
        `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  }
  socket.destroySoon()
}

function refusal(code: RefusalCode): { status: number; body: string } {
  const { message } = new Refused(code)
  return { status: refusalCodes[code], body: JSON.stringify({ code, message }) }
}
