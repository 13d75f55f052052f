/** A vault's whole life in a process of its own, and then everything that it left behind searched for secrets. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LoginStarted } from '../../contract/vault.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import {
  call,
  fingerprint,
  firstMessage,
  login,
  loginFinish,
  loginStart,
  newestOf,
  owner,
  ownerRequest,
  readState,
  register,
  type Send,
  thirdMessage,
} from '../fixtures/vault/honest-client.ts'
import { found, needle, type Needle } from '../fixtures/vault/needles.ts'
import { sendAndEnd } from '../fixtures/vault/raw-http.ts'
import { serveVault } from '../fixtures/vault/vault-command.ts'

const passwords = ['plum-orbit-candle-93', 'seven quiet herons 41', 'wrong-but-secret-77', 'destroyer-of-records-5']
const [password = '', changedPassword = '', wrongPassword = '', destroyer = ''] = passwords

/** Everything somebody might do, right and wrong; what must stay secret of it, and what must not be logged. */
async function live(send: Send): Promise<{ secrets: Needle[]; ids: Needle[] }> {
  const [me, doomed, gone] = [owner(), owner(), owner()]
  const print = await fingerprint(send)
  for (const it of [me, doomed, gone]) await register(send, it, { password })

  await login(send, me, wrongPassword)
  const attempt = await firstMessage(password)
  const started = LoginStarted.parse(await call(send, loginStart(me, attempt)))
  const third = thirdMessage(me, print, attempt, started)
  await call(send, loginFinish(me, started.ticket, third?.finishLoginRequest ?? ''))
  await send(loginFinish(me, started.ticket, third?.finishLoginRequest.replace(/^./, 'A') ?? ''))

  for (let guess = 1; guess <= 10; guess++) await login(send, doomed, destroyer)
  await login(send, doomed, password).catch(() => undefined)
  await register(send, me, { password: changedPassword, generation: 1 })
  await login(send, me, changedPassword)
  const path = `/v1/records/${me.id}`
  const body = JSON.stringify(newestOf(me, 4))
  await call(send, ownerRequest(me, print, { method: 'PUT', path: `${path}/newest`, generation: 2, body }))
  await call(send, ownerRequest(me, print, { method: 'GET', path: `${path}/receipts`, generation: 2 }))
  await call(send, ownerRequest(gone, print, { method: 'DELETE', path: `/v1/records/${gone.id}`, generation: 1 }))
  await readState(send, me)
  // Once more, so that something stands in the write-ahead log: deleting has emptied it.
  await login(send, me, changedPassword)
  const secrets = [
    ...passwords.map((it) => needle(`the password ${it}`, it)),
    ...[me, doomed, gone].map(({ key }, at) => needle(`K of record ${at}`, key)),
    needle('the export key', third?.exportKey ?? '', 'base64url'),
    needle('the session key', third?.sessionKey ?? '', 'base64url'),
    needle('a ticket', started.ticket, 'base64url'),
    needle('a first message', attempt.first, 'base64url'),
    needle('a third message', third?.finishLoginRequest ?? '', 'base64url'),
  ]
  return { secrets, ids: [me, doomed, gone].map(({ rid }, at) => needle(`the id of record ${at}`, rid)) }
}

/** What is malformed, with secrets in the wrong places, where an error's words might quote them. */
async function misuse(send: Send, address: string, id: string): Promise<void> {
  const path = `/v1/records/${id}`
  const secret = Buffer.from(password).toString('base64url')
  const post = (at: string, body: string) => send({ method: 'POST', path: at, body })
  for (const body of [
    `{"message":"${password}"}`,
    `{"${password}":1}`,
    `"${secret}`,
    password,
    '',
    '[]',
    `{"ticket":"${secret}"}`,
  ])
    for (const step of ['login/start', 'login/finish', 'login/abandon', 'register/start'])
      await post(`${path}/${step}`, body)
  for (const odd of [`/v1/${secret}/%zz`, `/v1/records/${secret}${secret}`, `/v1/info?${secret}`, `${path}/%00`])
    await send({ method: 'GET', path: odd })
  const headers = { 'coffer-owner': secret, 'coffer-signature': password, 'coffer-time': secret }
  await send({ method: 'GET', path, headers })
  await post(`${path}/login/start`, password.repeat(2000))
  const { port } = new URL(address)
  const lines = [
    password,
    `GET /${secret} HTTP/1.1\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`,
    `POST ${path} HTTP/1.1\r\n${password}\r\n\r\n`,
  ]
  for (const line of lines) await sendAndEnd(Number(port), line)
  const head = `POST ${path}/login/start HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n`
  await sendAndEnd(Number(port), `${head}{"message":"${password}`)
}

function filesIn(folder: string): Map<string, Buffer> {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]))
}

function searched(all: ReadonlyMap<string, Buffer>, needles: readonly Needle[]): string[] {
  return [...all].flatMap(([name, bytes]) => found(bytes, needles).map((it) => `${it} in ${name}`))
}

describe('passwords, keys and what they are checked with', () => {
  it('are in no log, metric, report, database, key or anchor file of a vault that ran, erred and crashed', async () => {
    const [folder, reports] = [temporaryFolder(), temporaryFolder()]
    // The crash: something that nobody catches, in the process as it is. Node then writes down all that it knows.
    const crash = "process.on('SIGUSR2', () => { throw new Error('nobody catches this') })"
    const nodeArgs = [
      '--report-uncaught-exception',
      '--report-on-fatalerror',
      `--report-directory=${reports}`,
      `--import=data:text/javascript,${encodeURIComponent(crash)}`,
    ]
    const serving = await serveVault(folder, ['--log-level', 'info'], { nodeArgs })
    const { secrets, ids } = await live(serving.send)
    await misuse(serving.send, serving.address, ids[0]?.bytes.toString('base64url') ?? '')
    const pages = new Map(
      await Promise.all(
        ['/metrics', '/readyz', '/healthz', '/v1/log/head', '/v1/info'].map(async (page): Promise<[string, Buffer]> => {
          const answer = await fetch(serving.address + page)
          return [page, Buffer.from(await answer.arrayBuffer())]
        }),
      ),
    )
    const running = filesIn(folder)
    const { code, stdout, stderr } = await serving.end('SIGUSR2')

    const spoken = new Map([
      ['stdout', Buffer.from(stdout)],
      ['stderr', Buffer.from(stderr)],
      ...pages,
      ...filesIn(reports),
    ])
    expect(searched(spoken, [...secrets, ...ids])).toEqual([])
    expect(searched(running, secrets)).toEqual([])
    expect(searched(filesIn(folder), secrets)).toEqual([])

    // All of it was really there to be searched.
    expect(code).not.toBe(0)
    expect(stderr).toContain('nobody catches this')
    expect(stderr).toContain('"level":30')
    expect(pages.get('/metrics')?.toString()).toMatch(/coffer_vault_released_total [1-9]/)
    expect([...running.keys()]).toEqual(
      expect.arrayContaining(['keys', 'one.anchor', 'vault.db', 'vault.db-wal', 'vault.json']),
    )
    expect([...filesIn(reports).values()].join()).toContain('javascriptStack')
    expect(searched(running, ids)).toEqual(expect.arrayContaining(['the id of record 0 (raw) in vault.db-wal']))

    // And the search would have found it, wherever and however it had been written.
    for (const it of [...secrets, ...ids])
      for (const spelled of ['latin1', 'hex', 'base64', 'base64url'] as const) {
        const planted = `{"level":30,"msg":"x${it.bytes.toString(spelled)}y"}`
        expect(found(Buffer.from(stderr + planted, 'latin1'), [it])).not.toEqual([])
      }
  })
})
