/** Logging in: first message to second message, third message to the wrapped key, or the ticket given back. */
import {
  type LoginAbandoned,
  type LoginFinished,
  type LoginStarted,
  type Receipt,
  type Statement,
} from '../../contract/vault.ts'
import { firstMessage } from '../../contract/vault-preimages.ts'
import type { Settled } from '../log/journal.ts'
import { Unavailable } from '../log/journal.ts'
import { charge, type ChargeResult } from './charge.ts'
import { close, open, type OpenResult } from './finish.ts'
import { hash } from './hash.ts'
import { OpaqueRefused, verifyThird } from './opaque-pool.ts'
import type { VaultRecord } from './record.ts'
import { Refused } from './refused.ts'
import { sealRelease } from './release.ts'
import { makeStatement } from './statements.ts'
import { storedReceipt, storedReceipts } from './stored-receipts.ts'
import type { VaultParts } from './vault.ts'

/** Receipts that a login brings along at most: more are had by asking for them. */
const receiptsAtLogin = 50

/** Charges the guess, and only then evaluates. `first` is OPAQUE's first message, base64url. */
export async function startLogin(parts: VaultParts, rid: Buffer, first: string): Promise<LoginStarted> {
  const message = hash(firstMessage(Buffer.from(first, 'base64url')))
  const settled = await parts.journal.submit(rid, (moment) => charge(moment, { message, waits: parts.waits }))
  const { value } = settled
  if (value.outcome !== 'charged' && value.outcome !== 'repeated') return refuseLogin(parts, { rid, message, settled })
  const { attempt, generation, epoch, secrets } = value
  const receipt =
    value.outcome === 'charged' ? settled.receipts[0] : await storedReceipt(parts.storage, rid, attempt.receipt)
  if (!receipt) throw new Unavailable('a receipt is missing', { charged: true })
  parts.watch?.({ what: 'evaluated', rid, repeated: value.outcome === 'repeated' })
  const evaluated = await evaluate(parts, { rid, first, ...secrets })
  const facts = { generation, epoch, attempt: attempt.number, message, expiresAt: attempt.expiresAt }
  const ticket = await parts.tickets
    .giveLogin(rid, { facts, serverState: evaluated.state })
    .catch((error: unknown) => Promise.reject(new Unavailable('no ticket', { charged: true, cause: error })))
  return { message: evaluated.message, ticket, expiresAt: attempt.expiresAt, receipt }
}

async function evaluate(
  { opaque, fingerprint }: VaultParts,
  it: { rid: Buffer; first: string; setup: Buffer; registration: Buffer },
): Promise<{ state: string; message: string }> {
  try {
    return await opaque.login({
      rid: it.rid.toString('base64url'),
      fingerprint: fingerprint.toString('base64url'),
      setup: it.setup.toString('base64url'),
      registration: it.registration.toString('base64url'),
      message: it.first,
    })
  } catch (error) {
    if (error instanceof OpaqueRefused) throw new Refused('bad_request', { charged: true })
    throw new Unavailable('the evaluation failed', { charged: true, cause: error })
  }
}

async function refuseLogin(
  parts: VaultParts,
  { rid, message, settled }: { rid: Buffer; message: Buffer; settled: Settled<ChargeResult> },
): Promise<never> {
  const { value } = settled
  const say = (): Promise<Statement> => makeStatement(parts.keystore, { ...settled, rid, asked: message })
  switch (value.outcome) {
    case 'no_record':
    case 'destroyed':
      throw new Refused(value.outcome, { charged: false, statement: await say() })
    case 'wait':
    case 'exhausted':
      throw new Refused('rate_limited', { charged: false, retryAfter: value.retryAfter, statement: await say() })
    default:
      throw new Refused('conflict', { charged: false })
  }
}

/** Releases the wrapped key for the right third message. A wrong one uses its ticket up. */
export async function finishLogin(
  parts: VaultParts,
  rid: Buffer,
  it: { ticket: string; message: string },
): Promise<LoginFinished> {
  const { facts, serverState } = await parts.tickets.openLogin(rid, it.ticket)
  const session = await verifyThird({
    state: serverState,
    message: it.message,
    rid: rid.toString('base64url'),
    fingerprint: parts.fingerprint.toString('base64url'),
  })
  if (session === undefined) {
    const settled = await parts.journal.submit(rid, (moment) => close(moment, facts))
    const statement = await makeStatement(parts.keystore, { ...settled, rid, asked: facts.message })
    if (statement.state === 'destroyed') throw new Refused('destroyed', { statement })
    if (statement.state === 'deleted') throw new Refused('no_record', { statement })
    throw new Refused('wrong_password', { attemptsLeft: statement.attemptsLeft, statement })
  }
  const third = hash(Buffer.from(it.message, 'base64url'))
  const settled = await parts.journal.submit(rid, (moment) => open(moment, facts, third))
  const opened = await requireOpened(parts, { rid, message: facts.message, settled })
  const sessionKey = Buffer.from(session, 'base64url')
  const release = sealRelease({ rid, message: facts.message, sessionKey, ...opened })
  sessionKey.fill(0)
  parts.watch?.({ what: 'released', rid })
  return {
    release: release.toString('base64url'),
    receipts: await latestReceipts(parts, opened.record),
    statement: await makeStatement(parts.keystore, { ...settled, rid, asked: facts.message }),
  }
}

async function requireOpened(
  parts: VaultParts,
  { rid, message, settled }: { rid: Buffer; message: Buffer; settled: Settled<OpenResult> },
): Promise<{ wrapped: Buffer; generation: number; record: VaultRecord }> {
  const { value } = settled
  if (value.outcome === 'opened') return value
  if (value.outcome === 'void') throw new Refused('conflict')
  throw new Refused(value.outcome, {
    statement: await makeStatement(parts.keystore, { ...settled, rid, asked: message }),
  })
}

/**
 * Those since the success before this one, that one included. None where they are not as the record says: whoever has
 * proved the password gets his key all the same, and sees by the missing receipt of this very login that something is
 * wrong.
 */
async function latestReceipts({ storage }: VaultParts, record: VaultRecord): Promise<Receipt[]> {
  const since = (record.opened?.receiptBefore ?? 0) - 1
  const after = Math.max(0, since, record.receipts - receiptsAtLogin)
  return (await storedReceipts(storage, record, after)) ?? []
}

/** Takes a ticket back from a client who saw that the password was wrong. */
export async function abandonLogin(parts: VaultParts, rid: Buffer, ticket: string): Promise<LoginAbandoned> {
  const { facts } = await parts.tickets.openLogin(rid, ticket)
  const settled = await parts.journal.submit(rid, (moment) => close(moment, facts))
  return { statement: await makeStatement(parts.keystore, { ...settled, rid, asked: facts.message }) }
}
