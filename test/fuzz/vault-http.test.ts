/** Everything that can be sent to the vault's addresses, over its real server: answered with a refusal, and no more. */
import fc from 'fast-check'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectNothingOf, expectRefusal, talkativeLog } from '../fixtures/vault/expect-refusal.ts'
import {
  fingerprint,
  firstMessage,
  loginStart,
  newestOf,
  type Owner,
  owner,
  ownerRequest,
  prepareRecord,
  readState,
  register,
  type Sent,
} from '../fixtures/vault/honest-client.ts'
import { openTestVault, removeVault, type TestVault } from '../fixtures/vault/test-vault.ts'

let vault: TestVault
let print: Buffer
/** Has a record, which nothing here may change. */
let who: Owner
/** Texts that were sent, to look for in answers and in the log. */
const sent: string[] = []
const { log, text: logged } = talkativeLog()

beforeAll(async () => {
  vault = await openTestVault({ server: { log } })
  print = await fingerprint(vault.send)
  who = owner()
  await register(vault.send, who, { password: 'right' })
})
afterAll(async () => {
  expect(await readState(vault.send, who)).toMatchObject({ state: 'active', attemptsLeft: 10, counter: 1 })
  expect(vault.troubles).toEqual([])
  expect(logged()).not.toContain('mistake')
  expectNothingOf([...sent, who.id, who.rid.toString('hex')], logged())
  await vault.close()
  removeVault(vault)
})

interface Raw extends Omit<Sent, 'method' | 'body'> {
  method: string
  body?: string | Buffer
}

async function answerTo({ method, path, headers = {}, body }: Raw): Promise<{ status: number; body: string }> {
  const json = body === undefined || 'content-type' in headers ? {} : { 'content-type': 'application/json' }
  const answer = await vault.app.inject({
    // The server's to refuse.
    method: method as 'GET',
    url: path,
    headers: { ...json, ...headers },
    ...(body === undefined ? {} : { payload: body }),
  })
  expect(JSON.stringify(answer.headers)).not.toMatch(/fastify|node/i)
  return { status: answer.statusCode, body: answer.body }
}

/** A right request for every step that takes a body; the record is somebody's who has none, or tickets are made up. */
async function rightRequests(): Promise<Sent[]> {
  const nobody = owner()
  const path = `/v1/records/${nobody.id}`
  const post = (step: string, body: object): Sent => ({
    method: 'POST',
    path: `${path}/${step}`,
    body: JSON.stringify(body),
  })
  const ticket = randomBytes(300).toString('base64url')
  return [
    await prepareRecord(vault.send, nobody, { password: 'x', generation: 0, vault: print }),
    ownerRequest(nobody, print, {
      method: 'PUT',
      path: `${path}/newest`,
      generation: 1,
      body: JSON.stringify(newestOf(nobody, 3)),
    }),
    post('register/start', { request: (await firstMessage('x')).first.slice(0, 43).replace(/.$/, 'A') }),
    post('login/start', { message: (await firstMessage('x')).first }),
    post('login/finish', { ticket, message: randomBytes(64).toString('base64url') }),
    post('login/abandon', { ticket }),
  ]
}

const marked = fc.string({ minLength: 6, maxLength: 40 }).map((it) => `needle-${it}`)
const strange = fc.oneof(
  marked,
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.constantFrom(null, true, -1, 1.5, 1e300, '', ' ', [], {}, [[]], { length: 43 }, '=', '\0'),
  fc.jsonValue({ maxDepth: 4 }),
)
/** Ways to spoil base64url of a right length. */
const spoilings: ((text: string) => string)[] = [
  (it) => `${it}A`,
  (it) => `${it}AAAA`,
  (it) => it.slice(0, -1),
  (it) => `${it}=`,
  (it) => `${it}\n`,
  (it) => ` ${it}`,
  (it) => `+${it.slice(1)}`,
  (it) => `/${it.slice(1)}`,
  (it) => `é${it.slice(1)}`,
  (it) => it.slice(1),
  () => '',
]

/** Every place in a value where something else can be put. */
function places(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [at]
  return [at, ...Object.entries(value).flatMap(([key, inner]) => places(inner, [...at, key]))]
}

function put(value: unknown, at: readonly string[], change: (old: unknown) => unknown): unknown {
  const [key, ...rest] = at
  if (key === undefined) return change(value)
  // `places` went through this very object.
  const object = value as Record<string, unknown>
  return { ...object, [key]: put(object[key], rest, change) }
}

/** The same owner request with another body, signed: the signature is not what is in the way. */
function resigned(request: Sent, body: string): Raw {
  return { ...request, body }
}

describe('a message that is not as the contract says', () => {
  it('is refused as bad_request, whichever part of it is wrong and however', async () => {
    const requests = await rightRequests()
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...requests), fc.nat(), strange, async (request, which, value) => {
        const right: unknown = JSON.parse(request.body ?? '')
        const all = places(right)
        const at = all[which % all.length] ?? []
        const body = JSON.stringify(put(right, at, () => value))
        fc.pre(body !== request.body && !(at[0] === 'newest' && value === null) && !(at[0] === 'ticket'))
        if (typeof value === 'string') sent.push(value)
        expect(expectRefusal(await answerTo(resigned(request, body)), sent.slice(-1)).code).toBe('bad_request')
      }),
      { numRuns: 400 },
    )
  })

  it('is refused when its base64url is longer, shorter, padded, of another alphabet or not canonical', async () => {
    for (const request of await rightRequests()) {
      const right: unknown = JSON.parse(request.body ?? '')
      for (const at of places(right))
        for (const spoil of spoilings) {
          let touched = false
          const wrong = put(
            right,
            at,
            (old) => ((touched = typeof old === 'string'), touched ? spoil(String(old)) : old),
          )
          if (!touched) continue
          const body = JSON.stringify(wrong)
          const { code } = expectRefusal(await answerTo(resigned(request, body)))
          // A ticket may have any length: a wrong one is one that was never given.
          expect(at[0] === 'ticket' ? ['bad_request', 'conflict', 'not_authorized'] : ['bad_request']).toContain(code)
        }
    }
  })

  it('is refused when a character’s unused bits are set: every byte string has one spelling', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    for (const request of await rightRequests()) {
      const right: unknown = JSON.parse(request.body ?? '')
      for (const at of places(right)) {
        let old = ''
        put(right, at, (it) => ((old = typeof it === 'string' ? it : ''), it))
        if (old.length % 4 < 2 || at[0] === 'ticket') continue
        const last = alphabet.indexOf(old.at(-1) ?? '')
        const body = JSON.stringify(put(right, at, () => old.slice(0, -1) + (alphabet[last + 1] ?? '')))
        expect(expectRefusal(await answerTo(resigned(request, body))).code).toBe('bad_request')
      }
    }
  })

  it('is refused with a member too many, one too few, or none at all', async () => {
    for (const request of await rightRequests()) {
      const right = JSON.parse(request.body ?? '') as Record<string, unknown>
      const bodies = [
        ...Object.keys(right).map((key) => Object.fromEntries(Object.entries(right).filter(([it]) => it !== key))),
        { ...right, more: 1 },
        { ...right, constructor: { prototype: {} } },
        {},
        [],
        [right],
        'text',
        null,
      ].map((it) => JSON.stringify(it))
      bodies.push(`{"__proto__":{"x":1},${request.body?.slice(1) ?? ''}`, '', '{', `${request.body}x`, 'undefined')
      for (const body of bodies) expect(expectRefusal(await answerTo(resigned(request, body))).code).toBe('bad_request')
    }
  })

  it('is refused when it is no UTF-8 or no JSON, is nested without end, or is longer than 16 KiB', async () => {
    const [, , , start] = await rightRequests()
    const post = (body: string | Buffer) => answerTo({ method: 'POST', path: start?.path ?? '', body })
    const deep = ['['.repeat(16_000), '{"a":'.repeat(3000), `${'['.repeat(8000)}${']'.repeat(8000)}`]
    for (const body of [...deep, Buffer.from([0xff, 0xfe, 0x7b, 0x7d]), '\u{feff}\u{feff}{}', '{"message":NaN}'])
      expect(expectRefusal(await post(body)).code).toBe('bad_request')
    for (const length of [16 * 1024 + 1, 64 * 1024, 1024 * 1024])
      expect(expectRefusal(await post('a'.repeat(length))).code).toBe('too_large')
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        expect(expectRefusal(await post(Buffer.from(bytes))).code).toBe('bad_request')
      }),
      { numRuns: 200 },
    )
  })

  it('counts by its last value where a member stands twice: client and vault cannot be made to read two things', async () => {
    const { first } = await firstMessage('x')
    const path = `/v1/records/${owner().id}/login/start`
    const twice = (a: string, b: string) => `{"message":${JSON.stringify(a)},"message":${JSON.stringify(b)}}`
    const wrong = await answerTo({ method: 'POST', path, body: twice(first, 'no') })
    expect(expectRefusal(wrong).code).toBe('bad_request')
    expect(expectRefusal(await answerTo({ method: 'POST', path, body: twice('no', first) })).code).toBe('no_record')
  })

  it('is refused under every other content type, and without one', async () => {
    const { path, body } = loginStart(who, await firstMessage('right'))
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/jsonx',
      'multipart/form-data',
      '',
      'x',
    ]
    for (const type of types)
      expectRefusal(await answerTo({ method: 'POST', path, body: body ?? '', headers: { 'content-type': type } }))
    expectRefusal(await answerTo({ method: 'POST', path }))
  })
})
