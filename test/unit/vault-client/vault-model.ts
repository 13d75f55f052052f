/**
 * A vault as a client sees one: the real OPAQUE server calls, real signatures, receipts and statements, in memory. What
 * it does not show is everything that makes a vault one: durability, keystores, logs, waits. It is bent by
 * hostile-vault.ts, and the real vault has its own tests.
 */
import * as opaque from '@serenity-kit/opaque'
import { createHash, randomBytes } from 'node:crypto'
import sodium from 'sodium-native'
import type { Receipt, RecordId, Statement } from '../../../contract/vault.ts'
import {
  LoginAbandon,
  LoginFinish,
  LoginStart,
  PutRecord,
  RegisterStart,
  Newest as NewestSchema,
} from '../../../contract/vault.ts'
import * as preimages from '../../../contract/vault-preimages.ts'
import { blankRecord, type Kept } from './vault-record.ts'
import { VaultSigner } from './vault-signer.ts'

export interface Asked {
  method: string
  path: string
  headers: Readonly<Record<string, string | undefined>>
  body: string
}
export interface Told {
  status: number
  json: Record<string, unknown>
}

interface Ticket {
  rid: string
  login: string
  epoch: number
  attempt: number
  message: string
}

export const steps = ['info', 'register', 'put', 'receipts', 'start', 'finish', 'abandon', 'newest', 'delete'] as const
export type StepName = (typeof steps)[number]

export class VaultModel extends VaultSigner {
  readonly records = new Map<string, Kept>()
  readonly #setups = new Map<string, string>()
  readonly #tickets = new Map<string, Ticket>()
  readonly #started = new Map<string, Told>()
  readonly #finished = new Map<string, Told>()
  #place = 0
  #chain = Buffer.alloc(32)
  invite: string | undefined
  /** How many guesses were evaluated. */
  evaluations = 0

  stepOf({ method, path }: Asked): StepName | undefined {
    if (path === '/v1/info') return 'info'
    const below = path.split('/').slice(4).join('/')
    const names: Record<string, StepName> = {
      'POST register/start': 'register',
      'PUT ': 'put',
      'GET receipts': 'receipts',
      'POST login/start': 'start',
      'POST login/finish': 'finish',
      'POST login/abandon': 'abandon',
      'PUT newest': 'newest',
      'DELETE ': 'delete',
    }
    return names[`${method} ${below}`]
  }

  answer(asked: Asked): Told {
    // The path has the record's id in its fourth part; what is no id finds no record.
    const rid = (asked.path.split('/')[3] ?? '') as RecordId
    switch (this.stepOf(asked)) {
      case 'info':
        return ok({
          protocols: [1],
          identity: this.spki.toString('base64url'),
          keystore: 'software',
          model: 'a model',
          registration: this.invite === undefined ? 'open' : 'invite',
          waits: [],
          now: Date.now(),
        })
      case 'register':
        return this.#register(rid, RegisterStart.parse(JSON.parse(asked.body)).request)
      case 'start':
        return this.#start(rid, LoginStart.parse(JSON.parse(asked.body)).message)
      case 'finish':
        return this.#finish(rid, LoginFinish.parse(JSON.parse(asked.body)))
      case 'abandon':
        return this.#abandon(rid, LoginAbandon.parse(JSON.parse(asked.body)).ticket)
      case 'put':
      case 'newest':
      case 'delete':
      case 'receipts':
        return this.#asOwner(rid, asked)
      case undefined:
        return { status: 404, json: { code: 'not_found', message: 'There is nothing here.' } }
    }
  }

  statement(rid: RecordId, asked: Uint8Array, changes: Partial<Statement> = {}): Statement {
    const record = this.records.get(rid)
    const said = {
      rid,
      state: record?.state ?? ('none' as const),
      generation: record?.generation ?? 0,
      counter: record?.counter ?? 0,
      attemptsLeft: record?.budget ?? 0,
      at: record?.at ?? 0,
      newest: record?.newest ?? null,
      logHead: this.#chain.toString('base64url'),
      logPlace: this.#place,
      asked: text(asked),
      now: Date.now(),
      ...changes,
    }
    return { ...said, signature: this.sign(preimages.statement(said)) }
  }

  #register(rid: string, request: string): Told {
    const setup = opaque.server.createSetup()
    const { registrationResponse: response } = opaque.server.createRegistrationResponse({
      serverSetup: setup,
      userIdentifier: rid,
      registrationRequest: request,
    })
    const ticket = randomBytes(40).toString('base64url')
    this.#setups.set(ticket, setup)
    const expiresAt = Date.now() + 120_000
    const said = { rid: preimages.decode(rid), request, response, ticket, expiresAt }
    return ok({ response, ticket, expiresAt, signature: this.signRegistration(said) })
  }

  #asOwner(rid: RecordId, { method, path, headers, body }: Asked): Told {
    const owner = Buffer.from(headers['coffer-owner'] ?? '', 'base64url')
    const requestId = Buffer.from(headers['coffer-request'] ?? '', 'base64url')
    const generation = Number(headers['coffer-generation'])
    const asked = hash(preimages.askedByOwner(requestId))
    const signed = preimages.ownerRequest({
      method,
      path,
      fingerprint: this.fingerprint,
      rid: preimages.decode(rid),
      generation,
      requestId,
      time: Number(headers['coffer-time']),
      bodyDigest: createHash('sha512').update(body).digest(),
    })
    const signature = Buffer.from(headers['coffer-signature'] ?? '', 'base64url')
    const mine = hash(preimages.recordId(owner)).toString('base64url') === rid
    if (!mine || !sodium.crypto_sign_verify_detached(signature, Buffer.from(signed), owner))
      return { status: 401, json: { code: 'not_authorized', message: 'Not the owner.' } }
    const record = this.records.get(rid)
    const statement = () => this.statement(rid, asked)
    const refuse = (status: number, code: string): Told => ({
      status,
      json: { code, message: code, statement: statement() },
    })
    if (path.endsWith('/receipts'))
      return record ? ok({ receipts: record.receipts.slice(-200), statement: statement() }) : refuse(404, 'no_record')
    const change = `${requestId.toString('hex')} ${body}`
    if (record?.lastChange === change) return ok({ receipt: null, statement: statement() })
    if (method === 'PUT' && !path.endsWith('/newest')) {
      if (generation !== (record?.generation ?? 0)) return refuse(409, 'conflict')
      const put = PutRecord.parse(JSON.parse(body))
      if (this.invite !== undefined && !record && put.invite !== this.invite) return refuse(403, 'invite_needed')
      const setup = this.#setups.get(put.ticket)
      if (setup === undefined) return refuse(409, 'conflict')
      const next = record ?? blankRecord()
      const kind = next.state === 'active' ? 'replaced' : 'created'
      Object.assign(next, {
        state: 'active',
        generation: generation + 1,
        epoch: next.epoch + 1,
        budget: 10,
        at: Date.now(),
        stretching: put.stretching,
        newest: put.newest ?? next.newest,
        secrets: { setup, record: put.record, wrapped: put.wrapped },
        lastChange: change,
      })
      this.records.set(rid, next)
      return ok({ receipt: this.#note(rid, next, kind), statement: statement() })
    }
    if (!record || record.state === 'deleted') return refuse(404, 'no_record')
    if (generation !== record.generation) return refuse(409, 'conflict')
    if (method === 'PUT' && record.state === 'destroyed') return refuse(410, 'destroyed')
    if (method === 'DELETE') {
      Object.assign(record, { state: 'deleted', budget: 0, at: Date.now(), secrets: undefined, lastChange: change })
      return ok({ receipt: this.#note(rid, record, 'deleted'), statement: statement() })
    }
    const newest = NewestSchema.parse(JSON.parse(body))
    if (record.newest && record.newest.number >= newest.number && record.newest.identity !== newest.identity)
      return refuse(409, 'conflict')
    if (record.newest?.identity !== newest.identity) {
      record.newest = newest
      this.#grow(record)
    }
    return ok({ receipt: null, statement: statement() })
  }

  #start(rid: RecordId, message: string): Told {
    const digest = hash(preimages.firstMessage(preimages.decode(message)))
    const record = this.records.get(rid)
    const refuse = (status: number, code: string): Told => ({
      status,
      json: { code, message: code, statement: this.statement(rid, digest) },
    })
    if (!record || record.state === 'deleted') return refuse(404, 'no_record')
    if (!record.secrets) return refuse(410, 'destroyed')
    const before = this.#started.get(`${record.epoch} ${message}`)
    if (before) return before
    if (record.budget === 0) return refuse(429, 'rate_limited')
    record.budget--
    if (record.budget === 0) record.state = 'exhausted'
    const attempt = 10 - record.budget
    const receipt = this.#note(rid, record, 'tried', attempt, text(digest))
    this.evaluations++
    const { serverLoginState: login, loginResponse } = opaque.server.startLogin({
      serverSetup: record.secrets.setup,
      userIdentifier: rid,
      registrationRecord: record.secrets.record,
      startLoginRequest: message,
      identifiers: { client: rid, server: this.fingerprint.toString('base64url') },
    })
    const ticket = randomBytes(40).toString('base64url')
    this.#tickets.set(ticket, { rid, login, epoch: record.epoch, attempt, message: text(digest) })
    const told = ok({ message: loginResponse, ticket, expiresAt: Date.now() + 120_000, receipt })
    this.#started.set(`${record.epoch} ${message}`, told)
    return told
  }

  #finish(rid: RecordId, { ticket: name, message }: { ticket: string; message: string }): Told {
    const before = this.#finished.get(`${name} ${message}`)
    if (before) return before
    const ticket = this.#tickets.get(name)
    const record = this.records.get(rid)
    if (!ticket || !record?.secrets || ticket.rid !== rid || ticket.epoch !== record.epoch)
      return { status: 403, json: { code: 'wrong_password', message: 'No.' } }
    this.#tickets.delete(name)
    const { sessionKey } = opaque.server.finishLogin({ serverLoginState: ticket.login, finishLoginRequest: message })
    Object.assign(record, { budget: 10, state: 'active', epoch: record.epoch + 1 })
    this.#note(rid, record, 'opened', ticket.attempt, ticket.message)
    const told = ok({
      release: this.release(rid, sessionKey, preimages.decode(ticket.message)),
      receipts: record.receipts.slice(-200),
      statement: this.statement(rid, preimages.decode(ticket.message)),
    })
    this.#finished.set(`${name} ${message}`, told)
    return told
  }

  release(rid: RecordId, sessionKey: string, message: Uint8Array): string {
    const record = this.records.get(rid)
    const generation = record?.generation ?? 0
    const key = hash(preimages.releaseKey(preimages.decode(rid), generation), preimages.decode(sessionKey))
    const label = preimages.release({ rid: preimages.decode(rid), generation, message })
    const plain = Buffer.from(record?.secrets?.wrapped ?? '', 'base64url')
    const nonce = randomBytes(24)
    const sealed = Buffer.alloc(plain.length + 16)
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, plain, Buffer.from(label), null, nonce, key)
    return Buffer.concat([nonce, sealed]).toString('base64url')
  }

  #abandon(rid: RecordId, name: string): Told {
    const ticket = this.#tickets.get(name)
    const record = this.records.get(rid)
    if (ticket && record && ticket.epoch === record.epoch) {
      this.#tickets.delete(name)
      this.#note(rid, record, 'given_back', ticket.attempt, ticket.message)
      this.#abandoned.set(name, ticket.message)
      if (record.budget === 0) {
        Object.assign(record, { state: 'destroyed', at: Date.now(), secrets: undefined })
        this.#note(rid, record, 'destroyed')
      }
    }
    return ok({ statement: this.statement(rid, preimages.decode(this.#abandoned.get(name) ?? text(Buffer.alloc(32)))) })
  }
  readonly #abandoned = new Map<string, string>()

  #note(rid: RecordId, record: Kept, kind: Receipt['kind'], attempt = 0, message = text(Buffer.alloc(32))): Receipt {
    this.#grow(record)
    const last = record.receipts.at(-1)
    const receipt = this.receipt({
      rid,
      number: record.receipts.length + 1,
      kind,
      generation: record.generation,
      attempt,
      attemptsLeft: record.budget,
      counter: record.counter,
      at: Date.now(),
      message,
      stretching: record.stretching,
      before: last ? text(hash(preimages.receipt(last))) : text(Buffer.alloc(32)),
    })
    record.receipts.push(receipt)
    return receipt
  }

  #grow(record: Kept): void {
    record.counter++
    this.#place++
    this.#chain = createHash('sha256').update(this.#chain).update(String(record.counter)).digest()
  }
}

function ok(json: Record<string, unknown>): Told {
  return { status: 200, json }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

export function hash(bytes: Uint8Array, key?: Uint8Array): Buffer {
  const out = Buffer.alloc(32)
  if (key) sodium.crypto_generichash(out, Buffer.from(bytes), Buffer.from(key))
  else sodium.crypto_generichash(out, Buffer.from(bytes))
  return out
}
