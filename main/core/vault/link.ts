/** A vault that has shown who it is, and the questions that the owner of a record may ask it. */
import type { z } from 'zod'
import { CofferError } from '../../../contract/errors.ts'
import { protocol } from '../../../contract/vault-limits.ts'
import { Info, type Refusal } from '../../../contract/vault.ts'
import { askedByOwner } from '../../../contract/vault-preimages.ts'
import { type VaultAddress } from './address.ts'
import { ask, isRefusal, type Question, type Reached } from './exchange.ts'
import { hash, readIdentity, type VaultIdentity } from './identity.ts'
import type { Network } from './request.ts'
import { type Owner, signRequest } from './owner.ts'
import { refused } from './refused.ts'

export interface Link extends Reached {
  identity: VaultIdentity
  info: Info
  now: () => Date
}

export interface LinkOptions {
  network: Network
  now: () => Date
  address: VaultAddress
  /** Who it has to be; undefined trusts whoever answers, which the person is then shown. */
  fingerprint: Uint8Array | undefined
  near: boolean
  signal?: AbortSignal | undefined
}

/**
 * Asks a vault who it is. That it holds the key to what it shows is proven by its next signature.
 * Errors: vault_not_genuine, vault_upgrade, vault_unreachable, vault_failed, vault_not_confirmed.
 */
export async function openLink({ fingerprint, now, ...to }: LinkOptions): Promise<Link> {
  const vault = to.address.host
  const info = await ask(to, { method: 'GET', path: '/v1/info' }, Info)
  if (isRefusal(info)) throw refused(vault, info)
  const identity = readIdentity(Buffer.from(info.identity, 'base64url'))
  if (!identity) throw new CofferError('vault_failed', { vault, reason: 'Its identity is not a key.' })
  if (fingerprint && !identity.fingerprint.equals(fingerprint))
    throw new CofferError('vault_not_genuine', { vault, fingerprint: identity.fingerprint.toString('base64url') })
  if (!info.protocols.includes(protocol)) throw new CofferError('vault_upgrade', { vault })
  return { ...to, identity, info, now }
}

export interface OwnersQuestion {
  method: 'GET' | 'PUT' | 'DELETE'
  /** After `/v1/records/{rid}`. */
  below?: '' | '/newest' | '/receipts'
  /** The generation that the record is expected to have. */
  generation: number
  body?: unknown
}

/**
 * Asks as the owner of the record. `asked` is what a statement in the answer must name. Errors: those of `ask`; a
 * refusal is handed back, since some of them are answers.
 */
export async function askAsOwner<T>(
  link: Link,
  owner: Owner,
  { method, below = '', generation, body }: OwnersQuestion,
  schema: z.ZodType<T>,
): Promise<{ answer: T | Refusal; asked: Buffer }> {
  const path = `/v1/records/${owner.rid}${below}`
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body))
  const { fingerprint } = link.identity
  const { requestId, headers } = signRequest(owner, {
    method,
    path,
    fingerprint,
    generation,
    now: link.now(),
    body: bytes,
  })
  const asked = hash(askedByOwner(requestId))
  const question: Question = {
    method,
    path,
    headers,
    ...(bytes.length > 0 ? { body: bytes } : {}),
    ...(method === 'GET' ? {} : { costs: 'change' }),
  }
  return { answer: await ask(link, question, schema), asked }
}
