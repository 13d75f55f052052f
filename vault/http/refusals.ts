/** Every failure as one shape: a code, a sentence, facts. Never a stack, never what was sent. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ZodError } from 'zod'
import { KeystoreUnavailable } from '../keystore/keystore.ts'
import { Unavailable } from '../log/journal.ts'
import { Refused } from '../service/refused.ts'
import { StorageUnavailable } from '../store/storage.ts'
import { refusalCodes } from '../../contract/vault.ts'

/** What a failure means to whoever asked; undefined for a mistake of ours, which is logged as one. */
function refusalOf(error: unknown): Refused | undefined {
  if (error instanceof Refused) return error
  if (error instanceof Unavailable) return new Refused('unavailable', { charged: error.charged })
  if (error instanceof StorageUnavailable || error instanceof KeystoreUnavailable)
    return new Refused('unavailable', { charged: false })
  if (error instanceof ZodError) return new Refused('bad_request')
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  if (status === 413) return new Refused('too_large')
  if (status === 429) return new Refused('rate_limited')
  // fastify's own: not JSON, a wrong content type, a malformed URL.
  if (typeof status === 'number' && status >= 400 && status < 500) return new Refused('bad_request')
  return undefined
}

export function answerFailure(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const refused = refusalOf(error)
  if (!refused)
    request.log.error({ err: error instanceof Error ? error : new Error('not an error') }, 'a mistake of ours')
  const { code, message, detail } = refused ?? new Refused('unavailable', { charged: true })
  if (detail.retryAfter !== undefined) void reply.header('retry-after', Math.ceil(detail.retryAfter / 1000))
  void reply.code(refusalCodes[code]).send({ code, message, ...detail })
}
