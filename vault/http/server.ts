/** The vault's HTTP interface (docs/VAULT.md, "HTTP"): parses, hands on, answers. */
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, LogController } from 'fastify'
import type { Logger } from 'pino'
import {
  LoginAbandon,
  LoginFinish,
  LoginStart,
  Newest,
  OwnerHeaders,
  PutRecord,
  RecordId,
  RegisterStart,
} from '../../contract/vault.ts'
import { maxRequest } from '../../contract/vault-limits.ts'
import { abandonLogin, finishLogin, startLogin } from '../service/logins.ts'
import type { SignedRequest } from '../service/owner.ts'
import { deleteRecord, putNewest, putRecord, readReceipts, readState, startRegistration } from '../service/owners.ts'
import { Refused } from '../service/refused.ts'
import { infoOf, type VaultParts } from '../service/vault.ts'
import type { LogHead } from '../../contract/vault.ts'
import { answerNoRequest, noteAnswering } from './no-request.ts'
import { answerFailure } from './refusals.ts'

export interface ServerOptions {
  /** Undefined until the node has made sure of its log: the vault answers `unavailable` until then. */
  vault: () => VaultParts | undefined
  /** Why not ready, or undefined when it is. */
  ready: () => Promise<string | undefined>
  /** What other nodes compare themselves with; had before the node is ready. */
  logHead: () => Promise<LogHead>
  metrics: () => Promise<string>
  observe: (step: string, milliseconds: number, status: number) => void
  log: Logger
  /** Requests a minute from one address; 0 for no limit. */
  perMinute: number
  /** Whether a proxy in front says who asks (X-Forwarded-For). */
  trustProxy: boolean
  /** PEM. */
  tls?: { cert: Buffer; key: Buffer } | undefined
  /** How long a request may take to arrive, ms. */
  requestTimeout?: number
}

const records = '/v1/records/:rid'

/** ms; a request of at most 16 KiB that takes longer is held open on purpose. */
const usualRequestTimeout = 15_000

export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const log: FastifyBaseLogger = options.log
  const { requestTimeout = usualRequestTimeout } = options
  // Node looks for late requests every 30 s unless told: a timeout that is looked at too seldom is none.
  const ofNode = {
    requestTimeout,
    headersTimeout: requestTimeout,
    connectionsCheckingInterval: requestTimeout / 4,
    // Node's own refusal has no body, and nothing here depends on that header.
    requireHostHeader: false,
  }
  const app: FastifyInstance = Fastify({
    ...(options.tls ? { https: { ...options.tls, ...ofNode } } : { http: ofNode }),
    loggerInstance: log,
    // Addresses hold whole record ids.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: maxRequest,
    requestTimeout,
    connectionTimeout: 30_000,
    keepAliveTimeout: 10_000,
    routerOptions: { maxParamLength: 64 },
    // One hop: the proxy itself wrote the last name in the header. Those before it were said by whoever asks, who would
    // otherwise be somebody else at each request, and have no limit.
    trustProxy: options.trustProxy && ((_address, hop) => hop === 0),
    forceCloseConnections: 'idle',
    // Fastify's own words for these would quote the address: it may hold a record id.
    frameworkErrors: answerFailure,
    clientErrorHandler: answerNoRequest,
  })
  noteAnswering(app.server)
  app.setErrorHandler(answerFailure)
  app.setNotFoundHandler((request, reply) => {
    // `/v2/…`: a client that is newer than this vault.
    const code = /^\/v(?!1\/)\d+\//.test(request.url) ? 'upgrade_required' : 'not_found'
    answerFailure(new Refused(code), request, reply)
  })
  await app.register(helmet)
  if (options.perMinute > 0)
    await app.register(rateLimit, {
      max: options.perMinute,
      timeWindow: 60_000,
      errorResponseBuilder: (_request, { ttl }) => new Refused('rate_limited', { charged: false, retryAfter: ttl }),
    })
  // Signatures are over the bytes that were sent, so these are kept as they came.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.addHook('onResponse', (request, reply, done) => {
    const step = `${request.method} ${request.routeOptions.url ?? 'unknown'}`
    options.observe(step, reply.elapsedTime, reply.statusCode)
    done()
  })
  const vault = (): VaultParts => {
    const parts = options.vault()
    if (!parts) throw new Refused('unavailable', { charged: false })
    return parts
  }

  app.get('/v1/info', () => infoOf(vault()))
  app.get('/v1/log/head', () => options.logHead())
  app.get('/healthz', () => ({ ok: true }))
  app.get('/readyz', async (_request, reply) => {
    const reason = await options.ready()
    return reply.code(reason === undefined ? 200 : 503).send({ ready: reason === undefined, reason })
  })
  app.get('/metrics', async (_request, reply) => reply.type('text/plain; version=0.0.4').send(await options.metrics()))

  app.post(`${records}/register/start`, (request) =>
    startRegistration(vault(), ridOf(request), RegisterStart.parse(jsonOf(request)).request),
  )
  app.post(`${records}/login/start`, (request) =>
    startLogin(vault(), ridOf(request), LoginStart.parse(jsonOf(request)).message),
  )
  app.post(`${records}/login/finish`, (request) =>
    finishLogin(vault(), ridOf(request), LoginFinish.parse(jsonOf(request))),
  )
  app.post(`${records}/login/abandon`, (request) =>
    abandonLogin(vault(), ridOf(request), LoginAbandon.parse(jsonOf(request)).ticket),
  )
  app.put(records, (request) => putRecord(vault(), signedOf(request), PutRecord.parse(jsonOf(request))))
  app.put(`${records}/newest`, (request) => putNewest(vault(), signedOf(request), Newest.parse(jsonOf(request))))
  app.get(records, (request) => readState(vault(), signedOf(request)))
  app.get(`${records}/receipts`, (request) => readReceipts(vault(), signedOf(request), afterOf(request)))
  app.delete(records, (request) => deleteRecord(vault(), signedOf(request)))
  return app
}

function ridOf(request: FastifyRequest): Buffer {
  // Every route under `records` has it.
  const { rid } = request.params as { rid?: string }
  return Buffer.from(RecordId.parse(rid), 'base64url')
}

function bodyOf({ body }: FastifyRequest): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0)
}

function jsonOf(request: FastifyRequest): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bodyOf(request)))
  } catch {
    throw new Refused('bad_request')
  }
}

function signedOf(request: FastifyRequest): SignedRequest {
  const [path = ''] = request.url.split('?', 1)
  return {
    method: request.method,
    path,
    rid: ridOf(request),
    headers: OwnerHeaders.parse(request.headers),
    body: bodyOf(request),
  }
}

function afterOf(request: FastifyRequest): number {
  // Fastify's parser gives strings, or lists of them.
  const { after } = request.query as { after?: unknown }
  if (after === undefined) return 0
  if (typeof after !== 'string' || !/^\d{1,15}$/.test(after)) throw new Refused('bad_request')
  return Number(after)
}
