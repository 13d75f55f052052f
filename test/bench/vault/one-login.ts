/** A whole login, client's and vault's halves alike: by the bare library, and through a vault over HTTP. */
import { once } from 'node:events'
import { connect } from 'node:net'
import * as opaque from '@serenity-kit/opaque'
import type { Send } from '../../fixtures/vault/honest-client.ts'
import type { LoginFinished, LoginStarted } from '../../../contract/vault.ts'

const stretching = { 'argon2id-custom': { memory: 8, iterations: 1, parallelism: 1 } } as const
const ids = { client: 'client', server: 'server' }

/** The four calls of the library that a login is made of, and nothing else. */
export async function bareLogins(): Promise<() => void> {
  await opaque.ready
  const password = 'a password'
  const setup = opaque.server.createSetup()
  const { clientRegistrationState, registrationRequest } = opaque.client.startRegistration({ password })
  const userIdentifier = ids.client
  const { registrationResponse } = opaque.server.createRegistrationResponse({
    serverSetup: setup,
    userIdentifier,
    registrationRequest,
  })
  const { registrationRecord } = opaque.client.finishRegistration({
    password,
    clientRegistrationState,
    registrationResponse,
    identifiers: ids,
    keyStretching: stretching,
  })
  return () => {
    const first = opaque.client.startLogin({ password })
    const second = opaque.server.startLogin({
      serverSetup: setup,
      userIdentifier,
      registrationRecord,
      startLoginRequest: first.startLoginRequest,
      identifiers: ids,
    })
    const third = opaque.client.finishLogin({
      clientLoginState: first.clientLoginState,
      loginResponse: second.loginResponse,
      password,
      identifiers: ids,
      keyStretching: stretching,
    })
    if (!third) throw new Error('the right password was refused')
    const { sessionKey } = opaque.server.finishLogin({
      finishLoginRequest: third.finishLoginRequest,
      serverLoginState: second.serverLoginState,
      identifiers: ids,
    })
    if (sessionKey !== third.sessionKey) throw new Error('the session keys differ')
  }
}

/** One login through a vault, up to the released key. */
export async function vaultLogin(send: Send, it: { id: string; password: string; fingerprint: string }): Promise<void> {
  const first = opaque.client.startLogin({ password: it.password })
  const path = `/v1/records/${it.id}/login`
  const body = JSON.stringify({ message: first.startLoginRequest })
  // It is the vault that is measured: nothing is looked at twice.
  const started = expectDone(await send({ method: 'POST', path: `${path}/start`, body })) as LoginStarted
  const third = opaque.client.finishLogin({
    clientLoginState: first.clientLoginState,
    loginResponse: started.message,
    password: it.password,
    identifiers: { client: it.id, server: it.fingerprint },
    keyStretching: stretching,
  })
  if (!third) throw new Error('the right password was refused')
  const finish = JSON.stringify({ ticket: started.ticket, message: third.finishLoginRequest })
  const finished = expectDone(await send({ method: 'POST', path: `${path}/finish`, body: finish })) as LoginFinished
  if (finished.release.length === 0) throw new Error('nothing was released')
}

function expectDone({ status, json }: { status: number; json: unknown }): unknown {
  if (status !== 200) throw new Error(`the vault refused: ${status} ${JSON.stringify(json)}`)
  return json
}

/**
 * Over kept connections, one for each request under way. Node's own HTTP client would take as much of the processors as
 * the vault, and it is not what is measured: this one knows only the answers that a vault gives.
 */
export function sendOverHttp(address: string): Send {
  const { hostname, port, host } = new URL(address)
  const free: Line[] = []
  return async ({ method, path, headers = {}, body = '' }) => {
    const line = free.pop() ?? (await openLine(hostname, Number(port)))
    const lines = [
      `${method} ${path} HTTP/1.1`,
      `host: ${host}`,
      ...(body === '' ? [] : ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`]),
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ]
    const answer = await line(`${lines.join('\r\n')}\r\n\r\n${body}`)
    free.push(line)
    return answer
  }
}

type Line = (request: string) => ReturnType<Send>

async function openLine(host: string, port: number): Promise<Line> {
  const socket = connect({ host, port, noDelay: true })
  await once(socket, 'connect')
  let so: Buffer = Buffer.alloc(0)
  let waiting: PromiseWithResolvers<{ status: number; json: unknown }> | undefined
  socket.on('data', (chunk) => {
    so = so.length === 0 ? chunk : Buffer.concat([so, chunk])
    const end = so.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = so.toString('latin1', 0, end)
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
    if (so.length < end + 4 + length) return
    const json = JSON.parse(so.toString('utf8', end + 4, end + 4 + length)) as unknown
    so = so.subarray(end + 4 + length)
    waiting?.resolve({ status: Number(head.slice(9, 12)), json })
  })
  socket.on('error', (error) => waiting?.reject(error))
  return (request) => {
    waiting = Promise.withResolvers()
    socket.write(request)
    return waiting.promise
  }
}
