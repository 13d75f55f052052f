/** HTTP as it should not be, over a real socket: the vault answers with a refusal or hangs up, and goes on. */
import fc from 'fast-check'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { expectNothingOf, expectRefusal, talkativeLog } from '../fixtures/vault/expect-refusal.ts'
import { firstMessage, loginStart, owner, readState, register } from '../fixtures/vault/honest-client.ts'
import { type RawAnswer, request, sendAndEnd, sendRaw } from '../fixtures/vault/raw-http.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'

let vault: TestVault
let port: number
const who = owner()
const { log, text: logged } = talkativeLog()
const info = 'GET /v1/info HTTP/1.1\r\nhost: vault\r\n'
const closing = 'connection: close\r\n\r\n'

beforeAll(async () => {
  vault = await openTestVault({ server: { log, requestTimeout: 200 } })
  await vault.app.listen({ host: '127.0.0.1', port: 0 })
  // It listens on a port.
  port = (vault.app.server.address() as AddressInfo).port
  await register(vault.send, who, { password: 'right' })
})
afterEach(async () => {
  const [answer] = await sendRaw(port, info + closing)
  expect(answer?.status).toBe(200)
})
afterAll(async () => {
  expect(vault.troubles).toEqual([])
  expect(logged()).not.toContain('mistake')
  expectNothingOf([who.id, 'needle'], logged())
  await vault.close()
  removeVault(vault)
})

const start = `POST /v1/records/${who.id}/login/start HTTP/1.1`

function refused(answers: readonly RawAnswer[], sent: readonly string[] = ['needle']): void {
  for (const answer of answers) expectRefusal(answer, sent)
}

describe('what is no HTTP request', () => {
  it('is answered with one refusal, and the connection ends', async () => {
    const lines = [
      'needle\r\n\r\n',
      '\0\0\0\0needle\r\n\r\n',
      'GET /needle\r\n\r\n',
      'GET / needle/1.1\r\n\r\n',
      'GET /v1/info HTTP/9.9\r\nhost: needle\r\n\r\n',
      `GET /v1/info HTTP/1.1\r\nhost: vault\r\nnee dle: x\r\n${closing}`,
      `GET /v1/info HTTP/1.1\r\nhost: vault\r\nx: needle\0\r\n${closing}`,
      `GET /needle HTTP/1.1\r\nx-needle: x\r\n${closing}`,
      `GET /v1/\\needle HTTP/1.1\r\nhost: vault\r\n${closing}`,
      `GET http://elsewhere/needle HTTP/1.1\r\nhost: vault\r\n${closing}`,
      `GET * HTTP/1.1\r\nhost: vault\r\n${closing}`,
      `BREW /needle HTTP/1.1\r\nhost: vault\r\n${closing}`,
      `${start}\r\nhost: vault\r\nexpect: needle\r\ncontent-length: 2\r\n${closing}{}`,
    ]
    for (const line of lines) {
      const answers = await sendAndEnd(port, line)
      expect(answers).toHaveLength(1)
      refused(answers)
    }
  })

  it('may be any bytes: each is answered with a refusal or not at all', async () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 })
    const begun = fc.constantFrom('', 'GET ', 'POST /v1/', start, `${start}\r\n`, `${start}\r\nhost: vault\r\n`)
    await fc.assert(
      fc.asyncProperty(begun, bytes, async (begun, bytes) => {
        refused(await sendAndEnd(port, Buffer.concat([Buffer.from(begun), bytes])))
      }),
      { numRuns: 150 },
    )
  })

  it('is not taken for a tunnel or another protocol', async () => {
    expect(await sendAndEnd(port, `CONNECT needle:443 HTTP/1.1\r\nhost: needle\r\n${closing}`)).toEqual([])
    const upgrade = `${start}\r\nhost: vault\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n`
    refused(await sendAndEnd(port, upgrade))
    refused(await sendAndEnd(port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))
  })

  it('is too large in its headers: refused as that', async () => {
    const [answer] = await sendRaw(port, `${info}x-needle: ${'needle'.repeat(5000)}\r\n${closing}`)
    expect(answer && expectRefusal(answer, ['needle']).code).toBe('too_large')
    refused(await sendRaw(port, `GET /${'needle'.repeat(5000)} HTTP/1.1\r\nhost: vault\r\n${closing}`))
    refused(await sendAndEnd(port, `${start}\r\n${'x: needle\r\n'.repeat(3000)}${closing}`))
  })
})

describe('a body', () => {
  it('that is told to have two lengths, a wrong one or two ends is nobody’s: no request can hide in it', async () => {
    const hidden = `${info}${closing}`
    const heads = [
      `content-length: 5\r\ncontent-length: 6\r\n`,
      `content-length: 5, 6\r\n`,
      `content-length: -1\r\n`,
      `content-length: 5x\r\n`,
      `content-length: 99999999999999999999\r\n`,
      `content-length: 4\r\ntransfer-encoding: chunked\r\n`,
      `transfer-encoding: chunked\r\ncontent-length: 4\r\n`,
      `transfer-encoding: needle\r\n`,
      `transfer-encoding: chunked, identity\r\n`,
      `transfer-encoding : chunked\r\n`,
    ]
    for (const head of heads) {
      const answers = await sendAndEnd(port, `${start}\r\nhost: vault\r\n${head}\r\n0\r\n\r\n${hidden}`)
      expect(answers.length).toBeLessThanOrEqual(1)
      refused(answers)
    }
  })

  it('of more than 16 KiB is refused before it has come, with a length or in chunks', async () => {
    const type = 'host: vault\r\ncontent-type: application/json\r\n'
    const [long] = await sendRaw(port, `${start}\r\n${type}content-length: 10000000\r\n${closing}`)
    expect(long && expectRefusal(long).code).toBe('too_large')
    const chunk = `1000\r\n${'x'.repeat(0x1000)}\r\n`
    const [chunked] = await sendRaw(
      port,
      `${start}\r\n${type}transfer-encoding: chunked\r\n${closing}`,
      chunk.repeat(5),
    )
    expect(chunked && expectRefusal(chunked).code).toBe('too_large')
  })

  it('in chunks that are none, or that never end, is refused', async () => {
    const type = 'host: vault\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'
    for (const chunks of [
      'needle\r\n',
      'fffffffffffffffff\r\n',
      '-1\r\nx\r\n',
      '5\r\nneedle\r\n',
      `5;${'x'.repeat(40_000)}\r\n`,
    ])
      refused(await sendRaw(port, `${start}\r\n${type}`, chunks))
  })

  it('that is cut off costs nothing and is answered to nobody', async () => {
    const { body = '' } = loginStart(who, await firstMessage('right'))
    for (const part of [0, 1, body.length - 1]) {
      const head = `${start}\r\nhost: vault\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
      refused(await sendAndEnd(port, head + body.slice(0, part)))
    }
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 10 })
  })
})

describe('a request that does not come to its end', () => {
  // The server was told to wait 200 ms; the tests wait for what it does, and not for a time.
  it('is given up: in the middle of its first line, its headers or its body', async () => {
    const head = `${start}\r\nhost: vault\r\n`
    for (const begun of [
      'GET /v1/in',
      head,
      `${head}x-needle: nee`,
      `${head}content-type: application/json\r\ncontent-length: 100\r\n\r\n{"me`,
    ]) {
      const answers = await sendRaw(port, begun)
      // Once its headers have come it is on its way to being answered, and then nothing else may be.
      expect(answers).toHaveLength(begun.includes('{') ? 0 : 1)
      refused(answers)
    }
  })

  it('is given up after another one on the same connection, too', async () => {
    const [first, second, ...more] = await sendRaw(port, `${info}\r\n`, `${start}\r\nhost`)
    expect(first?.status).toBe(200)
    if (second) refused([second])
    expect(more).toEqual([])
  })
})

describe('several requests in one go', () => {
  it('are answered in their order', async () => {
    const { first } = await firstMessage('wrong')
    const many = Buffer.concat([
      Buffer.from(`${info}\r\nGET /healthz HTTP/1.1\r\nhost: vault\r\n\r\n`),
      request(start, JSON.stringify({ message: first })),
    ])
    const answers = await sendRaw(port, many)
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(answers.map(({ body }) => Object.keys(JSON.parse(body) as object)[0])).toEqual([
      'protocols',
      'ok',
      'message',
    ])
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 9 })
  })

  it('of which the second is no request: its refusal is never taken for the answer to the first', async () => {
    const { first } = await firstMessage('wrong')
    const body = JSON.stringify({ message: first })
    const head = `${start}\r\nhost: vault\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
    const answers = await sendRaw(port, `${head}${body}needle\r\n\r\n`)
    // The guess may be charged and its answer lost, as with every connection that breaks: asking again is free.
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    const again = await vault.send(loginStart(who, { first }))
    expect(again.status).toBe(200)
    expect(await readState(vault.send, who)).toMatchObject({ attemptsLeft: 8 })
  })
})
