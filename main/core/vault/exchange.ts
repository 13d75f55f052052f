/**
 * A question to a vault and its answer, parsed. An answer that is lost is asked for again with the very same bytes,
 * which vaults answer again without doing anything twice (docs/VAULT.md); a new attempt is never begun here.
 */
import type { z } from 'zod'
import { CofferError } from '../../../contract/errors.ts'
import { maxAnswer } from '../../../contract/vault-limits.ts'
import { Refusal, refusalCodes } from '../../../contract/vault.ts'
import type { VaultAddress } from './address.ts'
import { BadAnswer, type Network, NoAnswer, type VaultAnswer, type VaultRequest } from './request.ts'

export interface Question {
  method: VaultRequest['method']
  /** From the host on, without a query. */
  path: string
  headers?: Readonly<Record<string, string>>
  /** JSON as it is sent; empty for none. */
  body?: Buffer
  /** What losing its answer leaves open, which then has to be told: whether a guess is gone, or whether it was changed. */
  costs?: 'guess' | 'change'
}

export interface Reached {
  network: Network
  address: VaultAddress
  /** The person has named this host, or this computer knows it: it may lie in this computer's own network. */
  near: boolean
  signal?: AbortSignal | undefined
}

/** Pauses before the same bytes are sent again, ms. A vault's failover takes seconds. */
const pauses = [300, 2000] as const

/**
 * The answer, or the vault's refusal: both have passed their schema, and nothing more is known of them.
 * Errors: vault_unreachable, vault_failed, vault_not_confirmed, cancelled by the signal. Of a question that may cost a
 * guess they say with `charged` whether one may be gone, of one that changes the record with `unsure` that it may have.
 */
export async function ask<T>(to: Reached, question: Question, schema: z.ZodType<T>): Promise<T | Refusal> {
  let sent = false
  for (let attempt = 0; ; attempt++) {
    const pause = pauses[attempt]
    try {
      const answer = parse(await send(to, question), schema)
      // It says itself that it cannot answer for now: the same bytes may find it in a better state.
      if (!isRefusal(answer) || answer.code !== 'unavailable' || pause === undefined)
        return isRefusal(answer) && sent ? { ...answer, charged: answer.charged ?? true } : answer
      sent ||= answer.charged ?? true
    } catch (error) {
      if (error instanceof NoAnswer) sent ||= error.sent
      if (!(error instanceof NoAnswer) || pause === undefined) throw asFailure(error, to.address, question, sent)
    }
    await to.network.wait(pause, to.signal)
  }
}

export function isRefusal(answer: unknown): answer is Refusal {
  return typeof answer === 'object' && answer !== null && 'code' in answer && 'message' in answer
}

function send({ network, address, near, signal }: Reached, { method, path, headers, body }: Question) {
  return network.send({
    method,
    url: `${address.origin}${path}`,
    headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
    body: body ?? Buffer.alloc(0),
    deadlineMs: network.deadlineMs,
    maxBytes: maxAnswer,
    near,
    signal,
  })
}

function parse<T>({ status, type, body }: VaultAnswer, schema: z.ZodType<T>): T | Refusal {
  if (status >= 300 && status < 400) throw new BadAnswer('It sends elsewhere (a redirect), which vaults do not do.')
  const json = type === 'application/json' ? readJson(body) : undefined
  // What stands before a vault answers in its own words while the vault is away.
  if (json === undefined && status >= 500) throw new NoAnswer(`It answered with error ${status}.`, { sent: true })
  if (json === undefined) throw new BadAnswer('Its answer is not JSON. Is this the address of a vault?')
  if (status === 200) {
    const answer = schema.safeParse(json)
    if (!answer.success) throw new BadAnswer('Its answer does not have the form it must have.')
    return answer.data
  }
  const refusal = Refusal.safeParse(json)
  if (!refusal.success || refusalCodes[refusal.data.code] !== status)
    throw new BadAnswer(`Its refusal (${status}) does not have the form it must have.`)
  return refusal.data
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return undefined
  }
}

function asFailure(error: unknown, { host }: VaultAddress, { costs }: Question, sent: boolean): unknown {
  const arrived = sent || error instanceof BadAnswer
  const open = costs === 'guess' ? chargedDetail(arrived) : costs === 'change' && arrived ? { unsure } : {}
  if (error instanceof NoAnswer)
    return new CofferError('vault_unreachable', { vault: host, reason: error.message, ...open })
  if (error instanceof BadAnswer)
    return new CofferError('vault_failed', { vault: host, reason: error.message, ...open })
  return error
}

const unsure = 'Whether the vault has made the change is not known. Run it again, which does no harm.'

/** Whether a try is gone, for programs and in words. */
export function chargedDetail(charged: boolean): { charged: boolean; tries: string } {
  return { charged, tries: charged ? 'One of your ten tries may have been used.' : 'None of your tries was used.' }
}
